// `anyclaude explain`: one request on one screen, from the file alone: what it was taken for, what each choice was
// expected to cost, what was chosen and why, and what then happened.

import { openDatabase } from '../store/database.ts';
import { explainedDocument, readExplained } from '../store/explained.ts';
import { findRequest, type StoredRequest } from '../store/request.ts';
import { renderExplained } from './explain-screen.ts';
import type { Screen } from './screen.ts';

export type ExplainOptions = { readonly json?: boolean | undefined };

export type ExplainIo = {
  /** Data. */
  readonly stdout: { write(text: string): unknown };
  /** Notes. */
  readonly stderr: { write(text: string): unknown };
  readonly screen: Screen;
  readonly nowMs: number;
  readonly databasePath: string;
};

/** `asked` is a request id, or -1 for the newest, -2 for the one before it. Resolves with the exit code. */
export async function runExplain(asked: string, options: ExplainOptions, io: ExplainIo): Promise<number> {
  const read = await readRequest(asked, io);
  if ('problem' in read) {
    io.stderr.write(`${read.problem}\n`);
    return 1;
  }
  const json = () => `${JSON.stringify(explainedDocument(read.request), null, 2)}\n`;
  io.stdout.write(options.json === true ? json() : renderExplained(readExplained(read.request), io.screen));
  return 0;
}

type Read = { readonly request: StoredRequest } | { readonly problem: string };

async function readRequest(asked: string, { databasePath, nowMs }: ExplainIo): Promise<Read> {
  const opened = await openDatabase({ path: databasePath, mode: 'read', nowMs });
  if (opened.state === 'unusable') return { problem: opened.message };
  try {
    const request = await findRequest(opened.database.db, asked);
    if (request !== undefined) return { request };
    const how = 'Its id is in the log and in the reply header x-anyclaude-request-id; -1 is the newest.';
    return { problem: `No request ${JSON.stringify(asked)} has been recorded. ${how}` };
  } catch (error) {
    const cause = error instanceof Error ? error.message : String(error);
    return { problem: `The database at ${databasePath} cannot be read: ${cause}.` };
  } finally {
    await opened.database.close();
  }
}
