// Nothing that a client sends as content or as a secret may be found on disk or in the metrics afterwards, but for what
// each of a project's prompts begins with: that is kept in a folder of its own, for its owner alone.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { afterEach, describe, it } from 'node:test';
import { type FakeChat, json, startFakeChat } from '../fake/chat.ts';
import { anyclaude, freePort, newPlace, type Place } from './anyclaude.ts';

const CANARY = 'canary-7d1f';
/** Of the system prompt and the tools. */
const FRONT = 'front-3c9a';
const PREFIXES = 'prefixes';
const opened: { readonly place: Place; readonly fakes: readonly FakeChat[] }[] = [];

afterEach(async () => {
  for (const { place, fakes } of opened.splice(0)) {
    await anyclaude(place, 'stop', '--now');
    for (const fake of fakes) await fake.close();
    place.remove();
  }
});

async function open(debug: string) {
  const [mlx, lmstudio] = [await startFakeChat('mlx'), await startFakeChat('lmstudio')];
  const port = await freePort();
  const place = newPlace({
    ANYCLAUDE_PORT: String(port),
    ANYCLAUDE_DEBUG: debug,
    MLX_LM_URL: mlx.url,
    MLX_LM_API_KEY: `key-${CANARY}`,
    LMSTUDIO_URL: lmstudio.url,
    LMSTUDIO_API_KEY: `key-${CANARY}`,
  });
  opened.push({ place, fakes: [mlx, lmstudio] });
  assert.equal((await anyclaude(place, 'start')).code, 0);
  return { place, mlx, lmstudio, url: `http://127.0.0.1:${port}` };
}

const SECRETS = {
  'content-type': 'application/json',
  'x-api-key': `sk-ant-${CANARY}`,
  authorization: `Bearer ${CANARY}`,
  'anthropic-beta': CANARY,
  'x-unknown': CANARY,
};

async function send(url: string, body: unknown, path = `/v1/messages?${CANARY}`): Promise<number> {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const reply = await fetch(url + path, { method: 'POST', headers: SECRETS, body: text });
  await reply.text();
  return reply.status;
}

const asks = (content: unknown, more: object = {}) => ({
  model: 'claude-anyclaude',
  max_tokens: 100,
  messages: [{ role: 'user', content }],
  ...more,
});

function filesIn(home: string): readonly { readonly path: string; readonly folder: string }[] {
  return readdirSync(home, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ name, parentPath }) => ({ path: join(parentPath, name), folder: basename(parentPath) }));
}

describe('what a client sends stays out of files and metrics', () => {
  for (const debug of ['', '1', '2', '3']) {
    it(`with ANYCLAUDE_DEBUG=${debug || 'unset'}`, async () => {
      const { place, mlx, lmstudio, url } = await open(debug);
      const call = { type: 'tool_use', id: 't', name: 'Read', input: { path: CANARY } };
      const result = { type: 'tool_result', tool_use_id: 't', content: CANARY };
      const statuses = [
        await send(url, asks(`What is ${CANARY}?`, { system: FRONT, metadata: { user_id: CANARY } })),
        await send(url, asks('Go on.', { tools: [{ name: 'Read', description: FRONT, input_schema: {} }] })),
        await send(url, {
          ...asks('x'),
          messages: [
            { role: 'user', content: 'Read it.' },
            { role: 'assistant', content: [call] },
            { role: 'user', content: [result] },
          ],
        }),
        await send(url, asks(CANARY), '/v1/messages/count_tokens'),
        await send(url, asks([{ type: 'text', text: CANARY }], { max_tokens: 1 })),
      ];
      assert.deepEqual(statuses, [200, 200, 200, 200, 200]);
      assert.deepEqual(
        [
          await send(url, `{"messages": "${CANARY}`),
          await send(url, { ...asks('x'), messages: CANARY }),
          await send(url, { ...asks('x'), messages: [{ role: CANARY, content: 'x' }] }),
          await send(url, {
            ...asks('x'),
            messages: `"${CANARY}" and a sentence that is cut off in the error`,
          }),
        ],
        [400, 400, 400, 400],
      );
      // Servers quote what they choke on.
      const quoting = json({ error: { message: `cannot render ${CANARY}` } }, 500);
      for (const fake of [mlx, lmstudio]) fake.next(quoting);
      assert.equal(await send(url, asks('What happens now?')), 502);

      const metrics = await (await fetch(`${url}/metrics`)).text();
      assert.ok(!metrics.includes(CANARY) && !metrics.includes(FRONT));
      assert.equal((await anyclaude(place, 'stop')).code, 0);
      for (const { path, folder } of filesIn(place.home)) {
        const text = readFileSync(path, 'latin1');
        assert.equal(text.indexOf(CANARY), -1, `${path} holds it`);
        if (folder === PREFIXES) assert.equal(statSync(path).mode & 0o777, 0o600, path);
        else assert.equal(text.indexOf(FRONT), -1, `${path} holds the front`);
      }
      for (const line of readFileSync(join(place.home, 'anyclaude.log'), 'utf8').split('\n')) {
        if (line.startsWith('{')) JSON.parse(line);
      }
    });
  }
});
