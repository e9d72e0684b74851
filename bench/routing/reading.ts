// What it takes to read a whole request and to judge its task: an ordinary conversation, and the worst that fit into
// a megabyte.

import { classify } from '../../router/classify.ts';
import { readTurn } from '../../router/turn.ts';
import { parseRequest } from '../../wire/parse.ts';
import { median, percentile } from '../figures.ts';

export type Reading = {
  readonly name: string;
  readonly bytes: number;
  /** Of the first one that was read, which is not among those below. Milliseconds, all of them. */
  readonly firstMs: number;
  readonly medianMs: number;
  readonly p99Ms: number;
  /** Median of what JSON.parse takes of the same bytes. */
  readonly parseMs: number;
  readonly goalMs: number;
};

type Message = { readonly role: 'user' | 'assistant'; readonly content: unknown };
type Shape = {
  readonly name: string;
  readonly bytes: number;
  readonly runs: number;
  readonly goalMs: number;
  readonly message: (at: number) => Message;
};

const said = (role: Message['role'], content: string): Message => ({ role, content });
const called = (at: number): Message => ({
  role: 'assistant',
  content: [{ type: 'tool_use', id: `t${at}`, name: 'Read', input: { file_path: `/src/kettle${at}.ts` } }],
});
const returned = (at: number, text: string, ...more: object[]): Message => ({
  role: 'user',
  content: [{ type: 'tool_result', tool_use_id: `t${at - 1}`, content: text }, ...more],
});

const LONG_PROMPT = Array.from({ length: 300 }, (_, at) => `kettle${at}`).join(' ');
const REMINDERS = Array.from({ length: 1000 }, () => ({
  type: 'text',
  text: '<system-reminder>x</system-reminder>',
}));

const SHAPES: readonly Shape[] = [
  {
    ...{ name: 'a conversation', bytes: 100_000, runs: 1000, goalMs: 1 },
    message: (at) =>
      [
        () => said('user', `Please fix number ${at}. ${LONG_PROMPT}`),
        () => called(at),
        () => returned(at, 'The kettle sings. '.repeat(100)),
        () => said('assistant', 'It sings now. '.repeat(20)),
      ][at % 4]?.() ?? called(at),
  },
  {
    ...{ name: 'many messages', bytes: 1_000_000, runs: 40, goalMs: 20 },
    message: (at) => said(at % 2 === 0 ? 'user' : 'assistant', `hi ${at}`),
  },
  {
    ...{ name: 'many turns', bytes: 1_000_000, runs: 40, goalMs: 20 },
    message: (at) => (at % 2 === 1 ? called(at) : returned(at, 'y', { type: 'text', text: `go ${at}` })),
  },
  {
    ...{ name: 'many reminders', bytes: 1_000_000, runs: 40, goalMs: 20 },
    message: () => ({ role: 'user', content: REMINDERS }),
  },
  {
    ...{ name: 'one long prompt', bytes: 1_000_000, runs: 40, goalMs: 20 },
    message: () => said('user', '<system-reminder></system-reminder>'.repeat(28_600)),
  },
];

export function measureReading(): readonly Reading[] {
  return SHAPES.map(measure);
}

function measure(shape: Shape): Reading {
  const text = built(shape);
  const request = parseRequest(JSON.parse(text));
  const [firstMs = 0, ...readMs] = times(shape.runs + 1, () => classify(readTurn(request, {})));
  return {
    name: shape.name,
    bytes: text.length,
    firstMs,
    medianMs: median(readMs),
    p99Ms: percentile(readMs, 0.99),
    parseMs: median(times(Math.min(shape.runs, 40), () => JSON.parse(text))),
    goalMs: shape.goalMs,
  };
}

function built({ bytes, message }: Shape): string {
  const messages: Message[] = [];
  for (let size = 0; size < bytes; ) {
    const next = message(messages.length);
    messages.push(next);
    size += JSON.stringify(next).length;
  }
  // What is asked last is judged.
  messages.push({ role: 'user', content: [{ type: 'text', text: `Could you see to it? ${LONG_PROMPT}` }] });
  return JSON.stringify({ model: 'm', max_tokens: 9, messages });
}

function times(runs: number, work: () => unknown): readonly number[] {
  return Array.from({ length: runs }, () => {
    const from = performance.now();
    work();
    return performance.now() - from;
  });
}
