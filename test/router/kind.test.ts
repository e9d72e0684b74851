import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { kindOf } from '../../router/kind.ts';
import type { Kind } from '../../router/outcome.ts';
import type { Caller } from '../../wire/caller.ts';
import { parseRequest } from '../../wire/parse.ts';
import { type RequestBody, Session } from '../fixture/session.ts';
import {
  planNameRequest,
  probe,
  quotaProbe,
  safetyCheckRequest,
  subagentRequest,
  titleRequest,
  webSearchRequest,
} from '../fixture/side-requests.ts';

const image = { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'AA==' } };
const session = (): Session => new Session({ prompt: 'Where is the kettle filled?' });
const kind = (body: RequestBody, caller: Caller = {}): Kind => kindOf(parseRequest(body), caller);

const table: readonly (readonly [string, RequestBody, Caller, Kind])[] = [
  ['a conversation', session().body(), {}, 'main'],
  ['a conversation in plan mode', session().enterPlanMode().body(), {}, 'main'],
  ['a session title', titleRequest(), {}, 'title'],
  ['a title known by its schema alone', { ...titleRequest(), system: [] }, {}, 'title'],
  ['a title known by its system prompt alone', { ...titleRequest(), output_config: {} }, {}, 'title'],
  ['a plan name', planNameRequest(), {}, 'plan-name'],
  ['a plan name known by its schema alone', { ...planNameRequest(), system: [] }, {}, 'plan-name'],
  [
    'a plan name known by its system prompt alone',
    { ...planNameRequest(), output_config: {} },
    {},
    'plan-name',
  ],
  ['a web search', webSearchRequest(), {}, 'web-search'],
  ['a quota probe', quotaProbe(), {}, 'quota-probe'],
  [
    'a quota probe in blocks',
    { ...quotaProbe(), messages: [{ role: 'user', content: [{ type: 'text', text: 'quota' }] }] },
    {},
    'quota-probe',
  ],
  [
    'a probe without a text',
    {
      ...quotaProbe(),
      messages: [{ role: 'user', content: [image] }],
    },
    {},
    'probe',
  ],
  ['a probe for one token', probe(), {}, 'probe'],
  [
    'a count of tokens by one token, with tools',
    { ...session().body(), max_tokens: 1, stream: false },
    {},
    'probe',
  ],
  ['a conversation that wants one token, streamed', { ...session().body(), max_tokens: 1 }, {}, 'main'],
  [
    'two messages for one token',
    { ...probe(), messages: [...quotaProbe().messages, ...probe().messages] },
    {},
    'probe',
  ],
  ['a safety check', safetyCheckRequest(), {}, 'safety-check'],
  ['the second stage of a safety check', { ...safetyCheckRequest(), stop_sequences: [] }, {}, 'safety-check'],
  [
    'a safety check known by its stop sequence alone',
    { ...safetyCheckRequest(), system: [] },
    {},
    'safety-check',
  ],
  ['a compaction', session().answer().compactBody(), {}, 'compact'],
  ['what follows a compaction', session().answer().compact().answer().ask('Go on.').body(), {}, 'main'],
  ['a subagent known by its header', session().body(), { agentId: 'a1' }, 'subagent'],
  ['a subagent known by its billing block', subagentRequest(), {}, 'subagent'],
  [
    'a schema with another key',
    { ...titleRequest(), system: [], output_config: format('verdict') },
    {},
    'main',
  ],
  [
    'a schema that is no object',
    { ...titleRequest(), system: [], output_config: { format: [] } },
    {},
    'main',
  ],
  ['a request whose hint says main', titleRequest(), { requestClass: 'main' }, 'main'],
  ['a request whose hint says subagent', session().body(), { requestClass: 'subagent' }, 'subagent'],
  ['a request whose hint says compaction', session().body(), { requestClass: 'compaction' }, 'compact'],
  ['a title whose hint says auxiliary', titleRequest(), { requestClass: 'auxiliary' }, 'title'],
  ['a workflow, which has no class of its own', session().body(), { requestClass: 'other' }, 'main'],
  [
    'a search made for a subagent',
    webSearchRequest(),
    { agentId: 'a1', requestClass: 'subagent' },
    'web-search',
  ],
];

describe('kindOf', () => {
  for (const [name, body, caller, expected] of table) {
    it(`takes ${name} for ${expected}`, () => {
      assert.equal(kind(body, caller), expected);
    });
  }

  it('takes a question about compaction for a conversation', () => {
    const body = session().answer().ask('What does "create a detailed summary" in our prompts mean?').body();
    assert.equal(kind(body), 'main');
  });

  it('recognises a compaction in a message that is one string', () => {
    const content = 'CRITICAL: Respond with TEXT ONLY. Please create a detailed summary.';
    assert.equal(kind({ ...session().body(), messages: [{ role: 'user', content }] }), 'compact');
  });

  it('does not need a user message', () => {
    assert.equal(kind({ ...session().body(), messages: [{ role: 'assistant', content: 'Hm.' }] }), 'main');
  });
});

function format(key: string): Record<string, unknown> {
  return { format: { type: 'json_schema', schema: { type: 'object', properties: { [key]: {} } } } };
}
