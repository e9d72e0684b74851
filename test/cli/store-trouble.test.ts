// Whatever is wrong with the database, requests are answered, and `status` says what is missing.

import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import Database from 'better-sqlite3';
import { MIGRATIONS } from '../../migrations/index.ts';
import { openDatabase } from '../../store/database.ts';
import { closeSites, openSite, type Site } from './site.ts';

afterEach(closeSites);

const pathOf = (site: Site) => join(site.place.home, 'anyclaude.db');

async function answered(site: Site): Promise<void> {
  const reply = await site.heldRequest();
  site.backend.release();
  const text = await reply.text();
  assert.equal(reply.status, 200);
  assert.match(text, /event: message_stop/);
}

type Status = {
  readonly notes: readonly string[];
  readonly store: { readonly queued: number; readonly dropped: number; readonly lastError: string | null };
};

/** Until it holds, for a minute at most. */
async function statusWith(site: Site, holds: (status: Status) => boolean): Promise<Status> {
  for (let attempt = 0; attempt < 300; attempt += 1) {
    const status: Status = await site.status();
    if (holds(status)) return status;
    await delay(200);
  }
  assert.fail(JSON.stringify(await site.status()));
}

async function requestsIn(site: Site): Promise<number> {
  return JSON.parse((await site.command('stats', '--json')).stdout).totals.completed;
}

describe('a database in trouble', () => {
  it('that is locked delays no request, is shown, and gets its records afterwards', async () => {
    const site = await openSite();
    await site.command('start', '--mode', 'task');
    while (!existsSync(pathOf(site))) await delay(20);
    await statusWith(site, ({ store }) => store.lastError === null);
    const other = new Database(pathOf(site), { timeout: 5000 });
    other.exec('begin immediate');
    await answered(site);
    const { store } = await statusWith(site, ({ notes }) =>
      notes.some((note) => /The store takes nothing now: .*locked/.test(note)),
    );
    assert.deepEqual([store.queued, store.dropped], [1, 0]);
    other.exec('rollback');
    other.close();
    await statusWith(site, ({ store: after }) => after.queued === 0 && after.lastError === null);
    assert.equal(await requestsIn(site), 1);
  });

  it('that is taken away is begun anew', async () => {
    const site = await openSite();
    await site.command('start', '--mode', 'task');
    await answered(site);
    await statusWith(site, ({ store }) => store.queued === 0 && existsSync(pathOf(site)));
    rmSync(pathOf(site));
    await answered(site);
    await statusWith(site, ({ notes }) =>
      notes.some((note) => /was removed while the daemon ran/.test(note)),
    );
    await statusWith(site, ({ store }) => store.queued === 0);
    assert.equal(await requestsIn(site), 1);
  });

  it('that cannot be had at all costs the record alone, and the loss is counted', async () => {
    const site = await openSite();
    mkdirSync(pathOf(site), { recursive: true });
    await site.command('start', '--mode', 'task');
    await answered(site);
    const { store } = await statusWith(site, ({ notes }) =>
      notes.some((note) => /The store takes nothing now: The database at .* cannot be opened/.test(note)),
    );
    assert.equal(store.queued, 1);
    const table = await site.command('status');
    assert.match(table.stdout, /The store takes nothing now/);
    await site.command('stop');
    assert.match((await site.command('logs')).stdout, /an outcome could not be stored/);
  });

  it('of a newer anyclaude is not written, and requests are answered', async () => {
    const site = await openSite();
    mkdirSync(site.place.home, { recursive: true });
    const migrations = { ...MIGRATIONS, '9999-later': { up: async () => {} } };
    const future = await openDatabase({ path: pathOf(site), mode: 'write', nowMs: 0, migrations });
    assert.ok(future.state === 'open');
    await future.database.close();
    const before = readFileSync(pathOf(site));
    await site.command('start', '--mode', 'task');
    await answered(site);
    await statusWith(site, ({ notes }) => notes.some((note) => /written by a newer anyclaude/.test(note)));
    await site.command('stop');
    assert.deepEqual(readFileSync(pathOf(site)), before);
  });
});
