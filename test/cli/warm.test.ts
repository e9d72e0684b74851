import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { createServer } from 'node:http';
import { afterEach, describe, it } from 'node:test';
import { clearState, writeState } from '../../daemon/state.ts';
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

  it('names the mode where it is the reason that nothing is warmed', async () => {
    const site = await openSite();
    await site.command('start', '--mode', 'claude');
    const { code, stderr } = await site.command('warm');
    assert.equal(code, 0);
    assert.match(stderr, /^Nothing is warmed in mode claude, which uses no local backend\./);
  });

  it('fails in one sentence where the daemon goes away in the middle', async () => {
    const site = await openSite();
    const fake = createServer((request, response) => {
      if (request.url !== '/api/warm') return void response.end(`{"status":"ok","pid":${process.pid}}`);
      response.write(
        '{"project":"/shop","backend":"mlx-lm","result":"completed","steps":1,"durationMs":5}\n',
        () => setImmediate(() => response.destroy()),
      );
    });
    fake.listen(site.port, '127.0.0.1');
    await once(fake, 'listening');
    mkdirSync(site.place.home, { mode: 0o700 });
    const about = { pid: process.pid, host: '127.0.0.1', port: site.port };
    writeState(site.place.home, { ...about, version: '0.0.0', startedAtMs: Date.now(), flags: {} });
    const { code, stderr } = await site.command('warm');
    clearState(site.place.home, process.pid);
    fake.close();
    assert.equal(code, 1);
    assert.match(stderr, /^The daemon did not answer to the end \(.+\): see anyclaude logs\.\n$/);
  });

  it('fails where no backend could be given anything', async () => {
    const site = await openSite();
    await site.command('start', '--mode', 'task');
    const asked = site.heldRequest();
    await asked;
    site.backend.release();
    await (await asked).text();
    await site.backend.close();
    const { code, stdout } = await site.command('warm');
    assert.doesNotMatch(stdout, /: completed/);
    assert.equal(code, 1, stdout);
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
