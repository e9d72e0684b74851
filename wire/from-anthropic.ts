// Streams that are Claude's already. Those of the Claude API pass as they are: blocks and fields that are not
// known here too. Those of a local server (LM Studio's native route, llama.cpp) are read into pieces and written
// anew by answer.ts, because they differ where it matters: calls without `input`, cut calls, a hit on a stop
// sequence that is called end_turn, ids and models of their own.

import { Answer, type AnswerOptions, type Piece, type ReportedUsage, type Step } from './answer.ts';
import type { FaultReport } from './error.ts';
import { faultOfErrorBody } from './fault.ts';
import { asFields, cachedPart, type Fields, parseFields, toCount } from './fields.ts';
import type { Frame, StopReason, StreamItem, UsageNote, WireUsage } from './frame.ts';
import type { Translator } from './from-chat.ts';
import type { SseEvent } from './sse.ts';

export type FrameSource =
  | { readonly origin: 'claude' }
  /** A server whose frames are checked and repaired. */
  | { readonly origin: 'local'; readonly answer: AnswerOptions };

/** Reads one Messages stream. Success takes a stop reason and `message_stop`. */
export function createFrameReader(source: FrameSource): Translator {
  if (source.origin === 'claude') return createPassage();
  const answer = new Answer(source.answer);
  const readUsage = createUsageReader();
  return {
    push: (event) => answer.take(readMessagesEvent(event, readUsage)),
    end: () => answer.close(),
  };
}

// ---- The Claude API: frames pass ----------------------------------------------------------------------

const PASSING: ReadonlySet<string> = new Set<Frame['type']>([
  'message_start',
  'content_block_start',
  'content_block_delta',
  'content_block_stop',
  'message_delta',
  'message_stop',
]);

function createPassage(): Translator {
  const readUsage = createUsageReader();
  let hasStopReason = false;
  let done = false;
  let fault: FaultReport | undefined;
  const step = (items: readonly StreamItem[]): Step => ({ items, done, ...(fault && { fault }) });
  const fail = (report: FaultReport): Step => {
    fault = report;
    done = true;
    return step([]);
  };
  const end = (): Step => (done ? step([]) : fail(TRUNCATED));
  return {
    push(event) {
      if (done) return step([]);
      const read = readEvent(event);
      if ('fault' in read) return fail(read);
      if (!PASSING.has(read.type)) return step([{ type: 'alive' }]);
      hasStopReason ||= typeof asFields(read.fields['delta'])?.['stop_reason'] === 'string';
      if (read.type === 'message_stop' && !hasStopReason) return end();
      done = read.type === 'message_stop';
      // Its type is one of PASSING, and what else is in it is the Claude API's own.
      const frame = read.fields as unknown as Frame;
      const usage = readUsage(read.fields);
      return step(usage ? [{ type: 'usage', ...usage } satisfies UsageNote, frame] : [frame]);
    },
    end,
  };
}

const TRUNCATED: FaultReport = {
  fault: 'truncated',
  message: 'Its stream ended before it said that the answer is complete.',
};

// ---- Local servers: frames to pieces ------------------------------------------------------------------

const ALIVE: Piece = { kind: 'note', note: { type: 'alive' } };

function readMessagesEvent(event: SseEvent, readUsage: UsageReader): readonly Piece[] {
  const read = readEvent(event);
  if ('fault' in read) return [{ kind: 'fault', report: read }];
  const usage = readUsage(read.fields);
  const pieces = [
    ...(usage ? [{ kind: 'usage', usage } as const] : []),
    ...readFrame(read.type, read.fields),
  ];
  return pieces.length > 0 ? pieces : [ALIVE];
}

function readFrame(type: string, fields: Fields): readonly Piece[] {
  switch (type) {
    case 'content_block_start':
      return readBlock(toCount(fields['index']), asFields(fields['content_block']) ?? {});
    case 'content_block_delta':
      return readDelta(toCount(fields['index']), asFields(fields['delta']) ?? {});
    case 'message_delta':
      return readFinish(asFields(fields['delta']) ?? {});
    case 'message_stop':
      return [{ kind: 'end' }];
    default:
      return [];
  }
}

/** A block may begin with content in it; llama.cpp's tool_use begins without `input`. */
function readBlock(index: number | undefined, block: Fields): readonly Piece[] {
  if (block['type'] !== 'tool_use')
    return [...piece('text', block['text']), ...piece('thinking', block['thinking'])];
  const { id, name } = block;
  const input = asFields(block['input']) ?? {};
  const fragment = {
    ...(index !== undefined && { index }),
    ...(typeof id === 'string' && { id }),
    ...(typeof name === 'string' && { name }),
    json: Object.keys(input).length > 0 ? JSON.stringify(input) : '',
  };
  return [{ kind: 'call', fragment }];
}

function readDelta(index: number | undefined, delta: Fields): readonly Piece[] {
  const json = delta['partial_json'];
  if (typeof json !== 'string')
    return [...piece('text', delta['text']), ...piece('thinking', delta['thinking'])];
  return [{ kind: 'call', fragment: { ...(index !== undefined && { index }), json } }];
}

function piece(kind: 'text' | 'thinking', text: unknown): readonly Piece[] {
  return typeof text === 'string' && text !== '' ? [{ kind, text }] : [];
}

function readFinish(delta: Fields): readonly Piece[] {
  const reason = delta['stop_reason'];
  const stopSequence = delta['stop_sequence'];
  if (typeof reason !== 'string') return [];
  // llama.cpp calls a hit on a stop sequence end_turn, but names the sequence.
  if (typeof stopSequence === 'string' && stopSequence !== '') {
    return [{ kind: 'finish', reason: 'stop_sequence', stopSequence }];
  }
  return [{ kind: 'finish', reason: STOP_REASONS.find((known) => known === reason) ?? 'end_turn' }];
}

const STOP_REASONS: readonly StopReason[] = [
  'end_turn',
  'max_tokens',
  'stop_sequence',
  'tool_use',
  'pause_turn',
  'refusal',
  'model_context_window_exceeded',
];

// ---- Both ---------------------------------------------------------------------------------------------

type UsageReader = (fields: Fields) => ReportedUsage | undefined;
type ReadEvent = { readonly type: string; readonly fields: Fields };

function readEvent(event: SseEvent): ReadEvent | FaultReport {
  if (event.kind === 'comment' || event.data.trim() === '') return { type: 'ping', fields: {} };
  const fields = parseFields(event.data);
  const type = fields?.['type'];
  // llama.cpp reports errors in OpenAI's shape, without a `type` of the event.
  if (event.event === 'error' || type === 'error' || (fields && asFields(fields['error']))) {
    return faultOfErrorBody(undefined, fields ?? event.data);
  }
  if (fields && typeof type === 'string') return { type, fields };
  const message = `It sent an event that is not a typed JSON object (${event.data.length} characters).`;
  return { fault: 'protocol', message };
}

/**
 * Reads the counts as they come: message_start tells those of the prompt, message_delta the output and, from some
 * servers, any of the others again. The three input counts are disjoint.
 */
function createUsageReader(): UsageReader {
  let told: WireUsage = {};
  let impossible = {};
  return (fields) => {
    const start = asFields(asFields(fields['message'])?.['usage']);
    const usage = asFields(fields['usage']) ?? start;
    if (!usage) return undefined;
    // What message_start says of the output is a beginning, not a count.
    told = { ...told, ...countsOf(usage, start ? PROMPT_COUNTS : [...PROMPT_COUNTS, 'output_tokens']) };
    const { impossibleCache } = cachedPart(usage['cache_read_input_tokens'], undefined);
    if (impossibleCache) impossible = { impossibleCache };
    const report = reportOf(told);
    return report && { ...report, ...impossible };
  };
}

const PROMPT_COUNTS = ['input_tokens', 'cache_read_input_tokens', 'cache_creation_input_tokens'] as const;

function countsOf(usage: Fields, names: readonly (keyof WireUsage)[]): WireUsage {
  const counts = names.map((name) => [name, toCount(usage[name])] as const);
  return Object.fromEntries(counts.filter(([, count]) => count !== undefined));
}

function reportOf(told: WireUsage): ReportedUsage | undefined {
  const { input_tokens: input, cache_read_input_tokens: cached, cache_creation_input_tokens: written } = told;
  const output = told.output_tokens;
  if (input === undefined && output === undefined) return undefined;
  return {
    ...(input !== undefined && { promptTokens: input + (cached ?? 0) + (written ?? 0) }),
    ...(cached !== undefined && { cachedTokens: cached }),
    ...(written !== undefined && { writtenTokens: written }),
    ...(output !== undefined && { outputTokens: output }),
  };
}
