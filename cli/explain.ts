// `anyclaude explain`: one request on one screen, from the file alone: what it was taken for, what each choice was
// expected to cost, what was chosen and why, and what then happened.

import { explainedDocument, readExplained } from '../store/explained.ts';
import { findRequest } from '../store/request.ts';
import { renderExplained } from './explain-screen.ts';
import { notAReference, type ReadIo, readStore } from './reading.ts';
import type { Screen } from './screen.ts';
import { EXIT, type ExitCode } from './terminal.ts';

export type ExplainOptions = { readonly json?: boolean | undefined };

export type ExplainIo = ReadIo & { readonly screen: Screen };

/** `asked` is a request id, or -1 for the newest, -2 for the one before it. Resolves with the exit code. */
export async function runExplain(asked: string, options: ExplainOptions, io: ExplainIo): Promise<ExitCode> {
  const wrong = notAReference(asked);
  if (wrong !== undefined) return fail(io, EXIT.usage, wrong);
  const read = await readStore(io, (db) => findRequest(db, asked));
  if ('problem' in read) return fail(io, EXIT.failure, read.problem);
  const request = read.value;
  if (request === undefined) return fail(io, EXIT.failure, missing(asked));
  const json = () => `${JSON.stringify(explainedDocument(request), null, 2)}\n`;
  io.stdout.write(options.json === true ? json() : renderExplained(readExplained(request), io.screen));
  return EXIT.ok;
}

function missing(asked: string): string {
  const how = 'Its id is in the log and in the reply header x-anyclaude-request-id; -1 is the newest.';
  return `No request ${JSON.stringify(asked)} has been recorded. ${how}`;
}

function fail(io: ExplainIo, exitCode: ExitCode, message: string): ExitCode {
  io.stderr.write(`${message}\n`);
  return exitCode;
}
