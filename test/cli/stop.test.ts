import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, describe, it } from 'node:test';
import { ended } from './anyclaude.ts';
import { closeSites, openSite, untilOutput } from './site.ts';

afterEach(closeSites);

describe('a daemon that is stopped', () => {
  it('lets a stream that has begun come to its end', async () => {
    const site = await openSite();
    const daemon = site.spawn(['start', '--foreground']);
    const exit = ended(daemon);
    await untilOutput(daemon.stderr, 'listens at');
    const reply = await site.heldRequest();
    daemon.kill('SIGTERM');
    await site.refusesConnections();
    site.backend.release();
    assert.match(await reply.text(), /event: message_stop/);
    assert.equal((await exit).code, 0);
    assert.equal(existsSync(site.stateFile), false);
  });

  it('ends at once at the second signal', async () => {
    const site = await openSite();
    const daemon = site.spawn(['start', '--foreground']);
    const exit = ended(daemon);
    await untilOutput(daemon.stderr, 'listens at');
    const reply = await site.heldRequest();
    daemon.kill('SIGINT');
    await site.refusesConnections();
    daemon.kill('SIGINT');
    assert.equal((await exit).code, 1);
    await assert.rejects(reply.text());
    assert.equal(existsSync(site.stateFile), false);
  });

  it('is ended at once by stop --now', async () => {
    const site = await openSite();
    await site.command('start');
    const reply = await site.heldRequest();
    assert.equal((await site.command('stop', '--now')).code, 0);
    await assert.rejects(reply.text());
    assert.equal((await site.command('status')).code, 3);
    // Written by the daemon itself, before it went.
    const database = new DatabaseSync(join(site.place.home, 'anyclaude.db'), { readOnly: true });
    const results = database.prepare('select result from requests').all();
    database.close();
    assert.deepEqual(
      results.map((row) => ({ ...row })),
      [{ result: 'interrupted' }],
    );
  });

  it('leaves nothing that runs on the record, killed or not', async () => {
    const site = await openSite();
    const daemon = site.spawn(['start', '--foreground']);
    const exit = ended(daemon);
    await untilOutput(daemon.stderr, 'listens at');
    const reply = await site.heldRequest();
    const json = async (...args: readonly string[]) =>
      JSON.parse((await site.command(...args, '--json')).stdout || '{}');
    const isRecorded = async () => (await json('explain')).outcome?.result === 'running';
    for (let attempt = 0; attempt < 50 && !(await isRecorded()); attempt += 1);
    assert.equal((await json('stats')).totals.running, 1);
    daemon.kill('SIGKILL');
    await exit;
    await assert.rejects(reply.text());
    assert.equal((await json('explain')).outcome.result, 'interrupted');
    const { requests, running, interrupted } = (await json('stats')).totals;
    assert.deepEqual({ requests, running, interrupted }, { requests: 1, running: 0, interrupted: 1 });
    assert.match((await site.command('export')).stdout, /"result":"interrupted"/);
  });

  it('is not asked twice: a second stop waits with the first', async () => {
    const site = await openSite();
    await site.command('start');
    const reply = await site.heldRequest();
    const first = site.command('stop');
    await site.refusesConnections();
    const waiting = site.spawn(['stop']);
    const second = ended(waiting);
    await untilOutput(waiting.stderr, 'Waiting for running requests');
    site.backend.release();
    assert.match(await reply.text(), /event: message_stop/);
    assert.deepEqual([(await first).code, (await second).code].sort(), [0, 0]);
  });
});
