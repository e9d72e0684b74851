// Recorded sessions as files: one JSON object a line, gzipped or plain.

import { readFileSync } from 'node:fs';
import { constants, gunzipSync } from 'node:zlib';
import { z } from 'zod';

const at = { t: z.number() };
const tokens = z.number().nonnegative();
const eventSchema = z.discriminatedUnion('kind', [
  z.object({ ...at, kind: z.literal('user'), text: z.string() }),
  z.object({
    ...at,
    kind: z.literal('call'),
    ctx: tokens,
    out: tokens.default(0),
    tools: z.array(z.string()).default([]),
    bash_mutates: z.boolean().default(false),
  }),
  z.object({
    ...at,
    kind: z.literal('result'),
    tool: z.string(),
    error: z.boolean().default(false),
    chars: z.number().default(0),
  }),
  z.object({ ...at, kind: z.literal('compact') }),
]);
const sessionSchema = z.object({
  session: z.union([z.number(), z.string()]),
  repo: z.string().default(''),
  events: z.array(eventSchema),
});

/** `t` is in seconds since the session's first event, `ctx` and `out` are tokens. */
export type TraceEvent = z.infer<typeof eventSchema>;
export type TraceSession = z.infer<typeof sessionSchema>;

export type TraceFiles = {
  readonly sessions: readonly TraceSession[];
  /** One sentence for each line or file that could not be read; the rest is in `sessions`. */
  readonly complaints: readonly string[];
  /** Of the files that were named, those of which nothing could be read. */
  readonly unread: readonly string[];
};

/** Never throws for what is in the files: what cannot be read is named and left out. */
export function readTraceFiles(paths: readonly string[]): TraceFiles {
  const sessions: TraceSession[] = [];
  const complaints: string[] = [];
  const unread: string[] = [];
  for (const path of paths) {
    try {
      readLines(path, { sessions, complaints });
    } catch (error) {
      complaints.push(`${path} could not be read: ${messageOf(error)}`);
      unread.push(path);
    }
  }
  return { sessions, complaints, unread };
}

type Into = { readonly sessions: TraceSession[]; readonly complaints: string[] };

/** What some editors put in front of a file. */
const BYTE_ORDER_MARK = /^\uFEFF/;

function readLines(path: string, { sessions, complaints }: Into): void {
  for (const [index, line] of textOf(path).split('\n').entries()) {
    if (line.trim() === '') continue;
    try {
      sessions.push(inOrder(sessionSchema.parse(JSON.parse(line))));
    } catch (error) {
      complaints.push(`${path} line ${index + 1} is no session and was left out: ${messageOf(error)}`);
    }
  }
}

function textOf(path: string): string {
  const bytes = readFileSync(path);
  const isGzip = bytes[0] === 0x1f && bytes[1] === 0x8b;
  // A copy that was cut off still has whole lines in front.
  const text = isGzip ? gunzipSync(bytes, { finishFlush: constants.Z_SYNC_FLUSH }) : bytes;
  return text.toString().replace(BYTE_ORDER_MARK, '');
}

function inOrder(session: TraceSession): TraceSession {
  return { ...session, events: session.events.toSorted((a, b) => a.t - b.t) };
}

function messageOf(error: unknown): string {
  if (error instanceof z.ZodError) {
    const [issue] = error.issues;
    return `${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'not a session'}`;
  }
  return error instanceof Error ? error.message : String(error);
}
