// `anyclaude warm`: the daemon prefills what the sessions of its projects begin with, and each run is told.

import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { type FakeChat, startFakeChat } from '../fake/chat.ts';
import { anyclaude, freePort, newPlace, type Place } from './anyclaude.ts';

const opened: { readonly place: Place; readonly fakes: readonly FakeChat[] }[] = [];

afterEach(async () => {
  for (const { place, fakes } of opened.splice(0)) {
    await anyclaude(place, 'stop', '--now');
    for (const fake of fakes) await fake.close();
    place.remove();
  }
});

async function open() {
  const [mlx, lmstudio] = [await startFakeChat('mlx'), await startFakeChat('lmstudio')];
  const port = await freePort();
  const place = newPlace({
    ANYCLAUDE_PORT: String(port),
    MLX_LM_URL: mlx.url,
    LMSTUDIO_URL: lmstudio.url,
  });
  opened.push({ place, fakes: [mlx, lmstudio] });
  return { place, url: `http://127.0.0.1:${port}` };
}

describe('warm', () => {
  it('ends with 3 and says how to start a daemon where none runs', async () => {
    const { place } = await open();
    const { code, stdout, stderr } = await anyclaude(place, 'warm');
    assert.deepEqual([code, stdout], [3, '']);
    assert.match(stderr, /anyclaude start/);
  });

  it('says that nothing is known before the first request', async () => {
    const { place } = await open();
    assert.equal((await anyclaude(place, 'start')).code, 0);
    const { code, stdout, stderr } = await anyclaude(place, 'warm');
    assert.deepEqual([code, stdout], [0, '']);
    assert.match(stderr, /Nothing is known to warm/);
  });

  it('names project, backend and result of each run, for people and as JSON', async () => {
    const { place, url } = await open();
    assert.equal((await anyclaude(place, 'start')).code, 0);
    const reply = await fetch(`${url}/v1/messages`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        model: 'claude-anyclaude',
        max_tokens: 100,
        system: 'You help with an orchard.',
        tools: [{ name: 'Read', description: 'Reads a file.', input_schema: { type: 'object' } }],
        messages: [{ role: 'user', content: 'What grows here?' }],
      }),
    });
    assert.equal(reply.status, 200);
    await reply.text();

    const people = await anyclaude(place, 'warm');
    assert.equal(people.code, 0, people.stderr);
    assert.match(people.stdout, / on (mlx-lm|lmstudio): (completed|skipped|cancelled)/);
    const programs = await anyclaude(place, 'warm', '--json');
    const runs = JSON.parse(programs.stdout) as { backend: string; result: string }[];
    assert.ok(runs.length > 0);
    for (const { backend, result } of runs) {
      assert.ok(['mlx-lm', 'lmstudio'].includes(backend) && result !== 'failed', `${backend} ${result}`);
    }
  });
});
