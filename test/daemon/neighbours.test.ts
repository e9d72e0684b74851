import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { ask, type Harness, post, startHarness } from './harness.ts';

let site: Harness | undefined;
afterEach(() => site?.close());

/** Some 900 tokens that all begin with. */
const SYSTEM = 'You are careful with files and you say what you do. '.repeat(80);

async function asked(text: string, headers: Record<string, string> = {}): Promise<string | null> {
  if (site === undefined) throw new Error('Start it first.');
  const response = await post(site.url, ask(text, { system: SYSTEM }), { headers });
  await response.text();
  return response.headers.get('x-anyclaude-backend');
}

const agent = (id: string) => asked(`What does ${id} do? `.repeat(200), { 'x-claude-code-agent-id': id });

describe('side requests beside a conversation that goes on', () => {
  it('go to the other backend where one more would push it out of mlx_lm.server’s ten entries', async () => {
    site = await startHarness({ mode: 'auto' });
    site.mlx.status = { state: 'up', flavour: 'mlx-lm' };
    site.lmstudio.status = { state: 'up', flavour: 'llama.cpp' };
    await site.deps.fleet.probeIdle();
    assert.equal(await asked('What is this project?'), 'mlx-lm');
    const went = [];
    for (let id = 1; id <= 11; id += 1) went.push(await agent(`agent${id}`));
    assert.deepEqual(went, [...Array(9).fill('mlx-lm'), 'lmstudio', 'lmstudio']);
    assert.equal((await site.outcome(11)).decision?.reason, 'crowding');
    assert.equal(await agent('agent3'), 'mlx-lm', 'what goes on takes the place of its own beginning');
    assert.equal(
      await asked('What is this project? And what else?'),
      'mlx-lm',
      'the conversation itself stays',
    );
  });
});
