// `anyclaude sessions` and `anyclaude session`: read from the file alone, so that they work with the daemon stopped.

import { historyJson, sessionsJson } from '../store/session-document.ts';
import { type SessionHistory, toHistory } from '../store/session-history.ts';
import { findSession, listSessions, requestsOfSession, type SessionList } from '../store/sessions.ts';
import { parseSince } from '../store/since.ts';
import { notAReference, type ReadIo, readStore } from './reading.ts';
import type { Screen } from './screen.ts';
import { renderHistory } from './session-screen.ts';
import { renderSessions } from './sessions-screen.ts';
import { plural } from './shown.ts';

export type SessionsOptions = {
  readonly since?: string | undefined;
  readonly limit?: string | undefined;
  readonly json?: boolean | undefined;
};

export type SessionsIo = ReadIo & { readonly screen: Screen };

const NOTHING: SessionList = { sessions: [], more: 0, requestsWithoutSession: 0 };

/** Resolves with the exit code: 0, 1 where the database cannot be read, 2 for a wrong option. */
export async function runSessions(options: SessionsOptions, io: SessionsIo): Promise<number> {
  const since = parseSince(options.since ?? '7d', io.nowMs);
  if ('problem' in since) return fail(io, 2, since.problem);
  const limit = Number(/^\d{1,4}$/.exec(options.limit ?? '20')?.[0]);
  if (!(limit > 0))
    return fail(io, 2, `--limit takes a whole number from 1 to 9999, not "${options.limit}".`);
  const read = await readStore(io, (db) => listSessions(db, { sinceMs: since.sinceMs, limit }));
  if ('problem' in read && !read.missing) return fail(io, 1, read.problem);
  const list = 'value' in read ? read.value : NOTHING;
  const range = { sinceMs: since.sinceMs, untilMs: io.nowMs };
  const write = options.json === true ? sessionsJson(list, range) : renderSessions(list, io.screen);
  io.stdout.write(write);
  for (const sentence of 'problem' in read ? [read.problem] : notesOn(list)) io.stderr.write(`${sentence}\n`);
  return 0;
}

/** `asked` is an id, how one begins, or -1 for the session that was used last. Resolves with the exit code. */
export async function runSession(
  asked: string,
  options: Pick<SessionsOptions, 'json'>,
  io: SessionsIo,
): Promise<number> {
  const wrong = notAReference(asked);
  if (wrong !== undefined) return fail(io, 2, wrong);
  const read = await readStore(io, async (db): Promise<SessionHistory | string> => {
    const found = await findSession(db, asked);
    if ('ambiguous' in found) return ambiguous(asked, found.ambiguous);
    if ('missing' in found) return missing(asked);
    return toHistory(found.sessionId, await requestsOfSession(db, found.sessionId)) ?? missing(asked);
  });
  if ('problem' in read) return fail(io, 1, read.problem);
  if (typeof read.value === 'string') return fail(io, 1, read.value);
  io.stdout.write(
    options.json === true ? historyJson(read.value, io.nowMs) : renderHistory(read.value, io.screen),
  );
  return 0;
}

function notesOn({ more, requestsWithoutSession }: SessionList): readonly string[] {
  return [
    ...(more > 0 ? [`${plural(more, 'more session')} in this period: --limit shows them.`] : []),
    ...(requestsWithoutSession > 0
      ? [`${plural(requestsWithoutSession, 'request')} of this period named no session.`]
      : []),
  ];
}

function ambiguous(asked: string, ids: readonly string[]): string {
  return `Several sessions begin with ${JSON.stringify(asked)}: ${ids.join(', ')}. Give more of the id.`;
}

function missing(asked: string): string {
  return `No session ${JSON.stringify(asked)} has been recorded. \`anyclaude sessions\` lists them; -1 is the one used last.`;
}

function fail(io: SessionsIo, exitCode: number, message: string): number {
  io.stderr.write(`${message}\n`);
  return exitCode;
}
