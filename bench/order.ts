// What a bench request asks of the scripted backend, written into its prompt: that is the one thing which every
// daemon hands on unchanged. All orders have the same length, so that bodies differ in nothing else.

/**
 * `stream`: tokens at a pace · `silent`: headers, then nothing (a prefill) · `mute`: not even headers.
 * `keep` is `stream`, and the body is kept for whoever asks.
 */
export type OrderKind = 'stream' | 'silent' | 'mute' | 'keep';

export type Order = {
  readonly kind: OrderKind;
  readonly id: string;
  readonly tokens: number;
  readonly gapMs: number;
};

/** What the backend saw of one order. Times are of the machine's monotonic clock, in milliseconds. */
export type Seen = { readonly arrivedMs: number; readonly closedMs?: number; readonly finished: boolean };

const MARK = 'bench!';
const LENGTH = 40;
let count = 0;

export function newOrder(kind: OrderKind, tokens = 20, gapMs = 0): Order {
  count += 1;
  return { kind, id: count.toString(36).padStart(6, '0'), tokens, gapMs };
}

export function orderText({ kind, id, tokens, gapMs }: Order): string {
  return [MARK, kind, id, tokens, gapMs, ''].join(':').padEnd(LENGTH, '.');
}

/** The last order in a body; undefined where there is none. */
export function readOrder(body: Buffer): Order | undefined {
  const at = body.lastIndexOf(MARK);
  if (at < 0) return undefined;
  const [, kind = '', id = '', tokens, gapMs] = body.toString('latin1', at, at + LENGTH).split(':');
  return { kind: kind as OrderKind, id, tokens: Number(tokens), gapMs: Number(gapMs) };
}

/** Same moment, same figure in every process of this machine. */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
