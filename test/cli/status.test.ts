import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { assertDocumented, pathsOf } from './documented.ts';
import { closeSites, openSite } from './site.ts';

afterEach(closeSites);

describe('status --json', () => {
  it('has the keys of schema 1, all of them documented', async () => {
    const site = await openSite();
    await site.command('start', '--mode', 'task');
    const asked = site.heldRequest();
    await asked;
    site.backend.release();
    await (await asked).text();
    const document = await site.status();
    assert.equal(document.schema, 1);
    assertDocumented('status --json', document);
    assert.deepEqual(pathsOf(document), STATUS_KEYS);
  });
});

const DAEMON = ['draining', 'mode', 'pid', 'running', 'schema', 'uptimeS', 'url', 'version'];
const BACKEND = [
  ...['contextWindow', 'contextWindowSource', 'flavour', 'inFlight', 'lastError', 'maxConcurrent', 'model'],
  ...['name', 'queued', 'startCommand', 'state', 'url', 'warm', 'warm.conversations', 'warm.tokens'],
  'warm.usedAtMs',
];
/** Frozen: one goes or changes its meaning only with a new `schema`. */
const STATUS_KEYS = [
  ...[...DAEMON, 'backends', 'keeper', 'keeper.detail', 'keeper.state', 'notes'],
  ...['store', 'store.dropped', 'store.lastError', 'store.queued'],
  ...BACKEND.map((key) => `backends[].${key}`),
].toSorted();
