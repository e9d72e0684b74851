import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { answerLocally } from '../../daemon/answers.ts';
import { toKebabName, toTitle } from '../../daemon/title.ts';
import { kindOf } from '../../router/kind.ts';
import { WireError } from '../../wire/error.ts';
import { createFold, type FoldedMessage } from '../../wire/fold.ts';
import type { Frame } from '../../wire/frame.ts';
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

function answer(body: RequestBody): readonly Frame[] | undefined {
  const request = parseRequest(body);
  return answerLocally({ kind: kindOf(request, {}), request }, { requestId: 'r1', inputTokens: 42 });
}

function said(body: RequestBody): string {
  const deltas = answer(body)?.flatMap((frame) =>
    frame.type === 'content_block_delta' ? [frame.delta] : [],
  );
  const [delta] = deltas ?? [];
  assert.ok(delta?.type === 'text_delta');
  return delta.text;
}

function folded(frames: readonly Frame[] = []): FoldedMessage | undefined {
  const fold = createFold();
  for (const frame of frames) fold.add(frame);
  return fold.message();
}

describe('the daemon answers itself', () => {
  it('a title, under the key that was asked for', () => {
    const prompt = 'Can you add a --verbose flag to the parser? It is hard to debug.';
    assert.deepEqual(JSON.parse(said(titleRequest({ prompt }))), {
      title: 'Add a --verbose flag to the parser',
    });
  });

  it('a title without a schema', () => {
    const body = { ...titleRequest({ prompt: 'Where is the kettle filled?' }), output_config: {} };
    assert.deepEqual(JSON.parse(said(body)), { title: 'Where is the kettle filled' });
  });

  it('a title and a branch where both are asked for', () => {
    const properties = { title: { type: 'string' }, branch: { type: 'string' } };
    const output_config = { format: { type: 'json_schema', schema: { type: 'object', properties } } };
    const body = { ...titleRequest({ prompt: 'Fix the leaking spout' }), output_config };
    assert.deepEqual(JSON.parse(said(body)), { title: 'Fix the leaking spout', branch: 'fix-leaking-spout' });
  });

  it('a title of the prompt, not of the reminders beside it', () => {
    const reminder = '<system-reminder>Never use tabs.</system-reminder>';
    const messages: RequestBody['messages'] = [
      {
        role: 'user',
        content: [
          { type: 'text', text: reminder },
          { type: 'text', text: 'Fix the leaking spout' },
        ],
      },
    ];
    assert.deepEqual(JSON.parse(said({ ...titleRequest(), messages })), { title: 'Fix the leaking spout' });
  });

  it('a title where nobody has said anything', () => {
    const messages: RequestBody['messages'] = [{ role: 'assistant', content: 'Hm.' }];
    assert.deepEqual(JSON.parse(said({ ...titleRequest(), messages })), { title: 'New session' });
  });

  it('a plan name', () => {
    const prompt = '# Plan: Add a filter to the kettle\n\n1. Read.';
    assert.deepEqual(JSON.parse(said(planNameRequest({ prompt }))), { name: 'add-filter-kettle' });
  });

  it('a plan name without a schema', () => {
    const body = { ...planNameRequest({ prompt: 'Fill the kettle.' }), output_config: {} };
    assert.deepEqual(JSON.parse(said(body)), { name: 'fill-kettle' });
  });

  for (const [name, body] of [
    ['quota probe', quotaProbe()],
    ['probe', probe()],
  ] as const) {
    it(`a ${name} with one token, and with the count of its prompt`, () => {
      const message = folded(answer(body));
      assert.equal(message?.stop_reason, 'max_tokens');
      assert.deepEqual(message?.usage, { input_tokens: 42, output_tokens: 1 });
    });
  }

  it('a web search with the plain truth, and no result blocks', () => {
    const frames = answer(webSearchRequest());
    assert.match(said(webSearchRequest()), /^Nothing was searched/);
    const message = folded(frames);
    assert.deepEqual(
      message?.content.map((block) => block.type),
      ['text'],
    );
    assert.equal(message?.stop_reason, 'end_turn');
  });

  it('with a whole stream of one block, under its own id and the model that was asked for', () => {
    const frames = answer(titleRequest());
    assert.deepEqual(
      frames?.map((frame) => frame.type),
      [
        'message_start',
        'content_block_start',
        'content_block_delta',
        'content_block_stop',
        'message_delta',
        'message_stop',
      ],
    );
    const message = folded(frames);
    assert.equal(message?.id, 'msg_r1');
    assert.equal(message?.model, 'local-main');
  });

  it('without a prompt count where none is known', () => {
    const request = parseRequest(probe());
    const [start] = answerLocally({ kind: 'probe', request }, { requestId: 'r' }) ?? [];
    assert.ok(start?.type === 'message_start' && !('input_tokens' in start.message.usage));
  });
});

describe('the daemon does not answer itself', () => {
  it('a safety check: no verdict is made up', () => {
    assert.throws(
      () => answer(safetyCheckRequest()),
      (error: unknown) => {
        assert.ok(error instanceof WireError);
        assert.equal(error.status, 400);
        assert.match(error.message, /no safety verdict.*another permission mode/);
        return true;
      },
    );
  });

  for (const [name, body] of [
    ['a conversation', new Session().body()],
    ['a subagent', subagentRequest()],
    ['a compaction', new Session().answer().compactBody()],
  ] as const) {
    it(name, () => assert.equal(answer(body), undefined));
  }
});

describe('a name made of a text', () => {
  for (const [text, title, name] of [
    [
      'Implement the following plan:\n\n# Plan: Add a test for the spout',
      'Add a test for the spout',
      'add-test-spout',
    ],
    ['hi', 'New session', 'new-plan'],
    ['', 'New session', 'new-plan'],
    ['!!!', 'New session', 'new-plan'],
    ['Tests', 'Tests', 'tests'],
    ['see https://example.org/a for the naïve spout', 'See for the naïve spout', 'see-naive-spout'],
    [
      'what happens when the kettle boils over and the stove is hot',
      'What happens when the kettle boils over',
      'what-happens-when-kettle-boils',
    ],
    ['move the kettle to the left of the stove', 'Move the kettle to the left', 'move-kettle-left-stove'],
    ['水を入れてください。急いで。', '水を入れてください', 'new-plan'],
  ] as const) {
    it(`turns ${JSON.stringify(text)} into ${JSON.stringify(title)} and ${name}`, () => {
      assert.equal(toTitle(text), title);
      assert.equal(toKebabName(text), name);
    });
  }

  it('is at most 60 characters long, whatever the text', () => {
    const word = 'x'.repeat(5000);
    assert.equal(toTitle(word).length, 60);
    assert.equal(toKebabName(word).length, 60);
  });

  it('ends with a whole word', () => {
    const long = 'Explain authentication infrastructure configuration-management responsibilities thoroughly';
    assert.equal(toTitle(long), 'Explain authentication infrastructure');
    assert.equal(toKebabName(long), 'explain-authentication-infrastructure-configuration');
  });
});
