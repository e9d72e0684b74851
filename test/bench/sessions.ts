// Made-up recordings for the tests of the routing bench.

import type { TraceEvent, TraceSession } from '../../bench/routing/trace-file.ts';

export function call(t: number, ctx: number, tool?: string): TraceEvent {
  const tools = tool === undefined ? [] : [tool];
  return { t, kind: 'call', ctx, out: 40, tools, bash_mutates: false };
}

export function result(t: number, tool: string): TraceEvent {
  return { t, kind: 'result', tool, error: false, chars: 100 };
}

// Prompts are multiples of 616 tokens, so that every prefill is a whole number of seconds.
export const EDIT_THEN_QUESTION: TraceSession = {
  session: 1,
  repo: 'made/up',
  events: [
    { t: 0, kind: 'user', text: 'rename the parser' },
    call(2, 6160, 'Read'),
    result(3, 'Read'),
    call(5, 12_320, 'Edit'),
    result(6, 'Edit'),
    { t: 16, kind: 'user', text: 'why was it called so?' },
    call(18, 12_936, 'Grep'),
    result(19, 'Grep'),
    call(21, 13_552),
  ],
};

export function longSession(calls: number): TraceSession {
  const events = Array.from({ length: calls }, (_, at) => call(at, 616, 'Edit'));
  return { session: 2, repo: 'made/up', events };
}

/** Turns of reading and turns that read, edit and check, with pauses from seconds to minutes between them. */
export function workday(session: number): TraceSession {
  const events: TraceEvent[] = [];
  let t = 0;
  let ctx = 20_000 + 1000 * session;
  const later = (seconds: number) => {
    t += seconds;
    return t;
  };
  const work = (tool?: string, error = false) => {
    ctx += 400 + ((t * 37) % 1500);
    events.push(call(later(8), ctx, tool));
    if (tool !== undefined) events.push({ t: later(2), kind: 'result', tool, error, chars: 100 });
  };
  for (let turn = 0; turn < 8; turn += 1) {
    const edits = (turn + session) % 3 !== 0;
    const text = edits ? `fix the parser, part ${turn}` : `why does the parser stop at ${turn}?`;
    events.push({ t: later(15 + 90 * turn), kind: 'user', text });
    for (const tool of ['Read', 'Grep', 'Read']) work(tool);
    const then = edits ? ['Edit', 'Bash', 'Edit', 'Edit'] : [];
    for (const tool of then) work(tool, tool === 'Edit' && turn % 4 === 1);
    work();
    if (turn === 5) {
      events.push({ t: later(30), kind: 'compact' });
      ctx = 15_000;
    }
  }
  return { session, repo: 'made/up', events };
}
