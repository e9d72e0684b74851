import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { assertDocumented } from './documented.ts';
import { closeSites, openSite } from './site.ts';

afterEach(closeSites);

describe('anyclaude warm', () => {
  it('says that nothing runs, and with a daemon that has served nobody that there is nothing to warm', async () => {
    const site = await openSite();
    assert.equal((await site.command('warm')).code, 3);
    await site.command('start', '--mode', 'task');
    const idle = await site.command('warm');
    assert.equal(idle.code, 0, idle.stderr);
    assert.match(idle.stderr, /^Nothing is known to warm/);
    assert.deepEqual(JSON.parse((await site.command('warm', '--json')).stdout), { schema: 1, prefills: [] });
  });

  it('prefills what the sessions of a project begin with, and tells of each backend how it went', async () => {
    const site = await openSite();
    await site.command('start', '--mode', 'task');
    const asked = site.heldRequest();
    await asked;
    site.backend.release();
    // From now on every answer ends at once.
    site.backend.server.on('held', () => site.backend.release());
    await (await asked).text();
    const document = JSON.parse((await site.command('warm', '--json')).stdout);
    assertDocumented('warm --json', document);
    assert.deepEqual([Object.keys(document), document.schema], [['schema', 'prefills'], 1]);
    const { prefills } = document;
    assert.deepEqual(Object.keys(prefills[0]).toSorted(), WARM_KEYS);
    assert.deepEqual(prefills.map(({ backend }: { backend: string }) => backend).toSorted(), [
      'lmstudio',
      'mlx-lm',
    ]);
    for (const { result } of prefills) assert.match(result, /^(completed|skipped)$/);
    const shown = await site.command('warm');
    assert.match(shown.stdout, /^a session without a project on (mlx-lm|lmstudio): /m);
    assert.match((await site.command('status')).stdout, /^In pauses: (idle|running), .*warming a project/m);
  });
});

const WARM_KEYS = [
  ...[
    'backend',
    'cachedTokens',
    'computedTokens',
    'durationMs',
    'project',
    'promptTokens',
    'reason',
    'result',
  ],
  'steps',
];
