import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
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
