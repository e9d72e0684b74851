// Claude Code's own JSON goes in, one line comes out, whatever is wrong.

import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { openDatabase } from '../../store/database.ts';
import { toEnded } from '../../store/row.ts';
import { readSessionLine } from '../../store/session-line.ts';
import { writeRecords } from '../../store/write.ts';
import { OTHER_SESSION_ID, SESSION_ID, writeCodingSessions } from '../store/coding-session.ts';
import { NOW_MS, outcome } from '../store/sample.ts';
import { ended, newPlace, type Place, spawnAnyclaude } from './anyclaude.ts';

const places: Place[] = [];
after(() => {
  for (const place of places) place.remove();
});

/** A home whose daemon lives, and whose database has two sessions. */
async function recordedPlace(env: NodeJS.ProcessEnv = { LC_ALL: 'C.UTF-8' }): Promise<Place> {
  const place = emptyPlace(env);
  const opened = await openDatabase({ path: join(place.home, 'anyclaude.db'), mode: 'write', nowMs: NOW_MS });
  assert.ok(opened.state === 'open');
  await writeCodingSessions(opened.database);
  await opened.database.close();
  return place;
}

function emptyPlace(env: NodeJS.ProcessEnv = {}): Place {
  const place = newPlace(env);
  places.push(place);
  mkdirSync(place.home);
  writeFileSync(join(place.home, 'daemon.json'), JSON.stringify({ pid: process.pid }));
  return place;
}

function statusline(place: Place, input: string) {
  const child = spawnAnyclaude(place, ['statusline']);
  child.stdin?.end(input);
  return ended(child);
}

/** The shape that Claude Code 2.1.330 sends, shortened. */
function sent(sessionId: string): string {
  return JSON.stringify({
    session_id: sessionId,
    transcript_path: '/home/dev/t.jsonl',
    cwd: '/home/dev/orchard',
    prompt_id: 'p-1',
    model: { id: 'claude-anyclaude', display_name: 'claude-anyclaude' },
    workspace: { current_dir: '/home/dev/orchard', project_dir: '/home/dev/orchard' },
    version: '2.1.330',
    context_window: { used_percentage: 12 },
  });
}

describe('statusline', () => {
  it('tells the route, the hit ratio, the TTFT and the speed of that session', async () => {
    const place = await recordedPlace();
    assert.deepEqual(await statusline(place, sent(OTHER_SESSION_ID)), {
      code: 0,
      // 100 tokens in the 2 s after the first one
      stdout: 'analysis → mlx-lm · hit 100% · ttft 0.5s · 50 tok/s\n',
      stderr: '',
    });
  });

  it('marks what was inferred, and what nobody told', async () => {
    const { stdout } = await statusline(await recordedPlace(), sent(SESSION_ID));
    assert.match(stdout, /^analysis → mlx-lm · hit ~50% · ttft – · \d+ tok\/s\n$/);
  });

  it('counts the newest 200 requests of a long session, so that it takes no longer than a short one', async () => {
    const place = emptyPlace({ LC_ALL: 'C.UTF-8' });
    const opened = await openDatabase({
      path: join(place.home, 'anyclaude.db'),
      mode: 'write',
      nowMs: NOW_MS,
    });
    assert.ok(opened.state === 'open');
    const missed = { evidence: 'reported', promptTokens: 1000, cachedTokens: 0 } as const;
    const requests = Array.from({ length: 300 }, (_none, at) => {
      const { agentId: _agent, ...sample } = outcome(`r-${at}`, {
        startedAtMs: NOW_MS + at,
        sessionId: SESSION_ID,
      });
      return toEnded(at < 150 ? { ...sample, cache: missed } : sample, 'd-1');
    });
    await writeRecords(opened.database.db, requests);
    await opened.database.close();
    assert.match((await statusline(place, sent(SESSION_ID))).stdout, / hit 75% /);
  });

  it('is read alike by the SQLite of an older Node, which leaves that to the addon', async () => {
    const { home } = await recordedPlace();
    for (const session of [SESSION_ID, OTHER_SESSION_ID, 'elsewhere']) {
      const [byNode, byAddon] = await Promise.all(
        ['3.51.3', '3.50.4'].map((sqlite) => readSessionLine(join(home, 'anyclaude.db'), session, sqlite)),
      );
      assert.deepEqual(byNode, byAddon);
    }
  });

  it('is plain ASCII where the locale is, and no wider than COLUMNS', async () => {
    const place = await recordedPlace({ LC_ALL: 'C', COLUMNS: '20', FORCE_COLOR: '' });
    assert.equal((await statusline(place, sent(OTHER_SESSION_ID))).stdout, 'analysis -> mlx-lm >\n');
  });

  it('says in a few words what is wrong, and never fails', async () => {
    const recorded = await recordedPlace();
    const silent = emptyPlace();
    const broken = emptyPlace();
    writeFileSync(
      join(broken.home, 'anyclaude.db'),
      'this is no database, and it is long enough to be read as one',
    );
    const stopped = newPlace();
    places.push(stopped);
    for (const [place, input, line] of [
      [recorded, '', 'anyclaude: no session id in what Claude Code sent'],
      [recorded, '{"session_id":', 'anyclaude: no session id in what Claude Code sent'],
      [recorded, '{"session_id":7}', 'anyclaude: no session id in what Claude Code sent'],
      [recorded, sent('elsewhere'), 'anyclaude: nothing of this session yet'],
      [silent, sent('s'), 'anyclaude: nothing of this session yet'],
      [broken, sent('s'), 'anyclaude: no figures (file is not a database)'],
      [stopped, sent('s'), 'anyclaude is not running'],
    ] as const) {
      assert.deepEqual(await statusline(place, input), { code: 0, stdout: `${line}\n`, stderr: '' });
    }
  });
});
