// What a turn finds in the real mlx_lm.server's prompt cache: where Claude Code asks for other things in between, and
// where the cache cannot be cut back.

import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { openStage } from '../daemon/guardian-stage.ts';
import { type RequestBody, text } from '../fixture/body.ts';
import { probe, quotaProbe, titleRequest } from '../fixture/side-requests.ts';
import { namedTool } from '../fixture/tools.ts';
import { filler, say, toolCall } from './ask.ts';
import { type MlxOptions, startMlx, whyNot } from './engines.ts';

const skip = (await whyNot('mlx', console.error)) ?? false;

describe('a turn on mlx_lm.server', { skip }, () => {
  it('is warm after titles, probes and counts, although two conversations are all that the server keeps', async (t) => {
    const stage = await openStage(t, await serverUrl(t, { promptCacheSize: 2 }));
    const first = [user(`Fill it. ${say('Filled.', 'Emptied.')}`)];
    await stage.send(request(first), headers);
    const side = { 'content-type': 'application/json', 'x-claude-code-session-id': 'side' };
    for (const prompt of ['Fill the kettle', 'Paint the fence', 'Mend the gate', 'Find the well']) {
      await stage.send(titleRequest({ prompt }), side);
    }
    await stage.send(quotaProbe(), side);
    await stage.send(probe(), side);
    await stage.send(request([...first, said([text('Filled.')]), user('Empty it.')]), headers);
    const rows = (await stage.rows()).filter(({ prompt_tokens: tokens }) => tokens !== null);
    const [earlier, later] = [rows.at(0), rows.at(-1)];
    assert.equal(rows.length, 2, 'nothing else reached the server');
    assert.ok(
      (later?.cached_tokens ?? 0) >= (earlier?.prompt_tokens ?? Number.NaN),
      'all of the first prompt',
    );
  });

  it('finds all that was read before, call by call, where a thinking model’s cache cannot be cut back', async (t) => {
    const stage = await openStage(t, await serverUrl(t, { hybrid: true, thinking: true }));
    const answers = ['a', 'b', 'c'].map(
      (name) => `<think>Hm.</think>${toolCall('Read', { file_path: name })}`,
    );
    const script = say(...answers, 'Done.');
    const messages = [user(`${filler(60, 'notes')} Look. ${script}`)];
    await stage.send(request(messages), headers);
    for (const name of ['a', 'b', 'c']) {
      const id = `toolu_${name}`;
      messages.push(
        said([
          { type: 'thinking', thinking: 'Hm.', signature: 'x' },
          { type: 'tool_use', id, name: 'Read', input: { file_path: name } },
        ]),
        { role: 'user', content: [{ type: 'tool_result', tool_use_id: id, content: filler(40, name) }] },
      );
      await stage.send(request(messages), headers);
    }
    await stage.send(request([user(`${filler(60, 'notes')} Do not look. ${script}`)]), headers);
    const rows = await stage.rows();
    const cached = rows.map(({ cached_tokens: tokens }) => tokens);
    const read = rows.map(({ prompt_tokens: tokens }) => (tokens ?? Number.NaN) - 1);
    // The server keeps a copy at the end of each prompt, also of one that ends in a tool's result.
    assert.deepEqual(cached.slice(0, 4), [0, ...read.slice(0, 3)]);
    // That the cache can't be cut back shows in a question that is changed: of it nothing is found, notes included.
    const [found = 0, before = 0] = [cached[4] ?? 0, read[0]];
    assert.ok(found > 0.5 * before, `${found} of ${before}: the system prompt and the tools`);
    assert.ok(found < 0.8 * before, `${found} of ${before}: with the notes it would be more`);
    assert.equal(rows[4]?.break_cause, 'history-rewritten');
  });
});

async function serverUrl(t: TestContext, options: MlxOptions): Promise<string> {
  const engine = await startMlx(options);
  t.after(() => engine.stop());
  return engine.url;
}

const headers = { 'content-type': 'application/json', 'x-claude-code-session-id': 'main' };

type Message = RequestBody['messages'][number];

const user = (words: string): Message => ({ role: 'user', content: [text(words)] });
const said = (content: Extract<Message['content'], readonly unknown[]>): Message => ({
  role: 'assistant',
  content,
});

function request(messages: readonly Message[]): RequestBody {
  return {
    model: 'local-main',
    system: [text(filler(60, 'guide'))],
    tools: [namedTool('Read')],
    messages: [...messages],
    max_tokens: 200,
    temperature: 0,
    stream: true,
  };
}
