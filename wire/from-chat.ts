// Chat-completions streams, read leniently: mlx_lm.server, LM Studio, llama.cpp and vLLM each leave out or add
// something. Reading is stateless, one event to the pieces in it; what the pieces make together is answer.ts.

import { Answer, type AnswerOptions, type Piece, type ReportedUsage, type Step } from './answer.ts';
import { faultOfErrorBody } from './fault.ts';
import { asFields, cachedPart, type Fields, isPresent, parseFields, toCount } from './fields.ts';
import type { ProgressNote, StopReason } from './frame.ts';
import type { SseEvent } from './sse.ts';
import type { CallFragment } from './tool-call.ts';

export type Translator = {
  /** The frames and notes that this event makes. After `done` nothing more is to be pushed. */
  push(event: SseEvent): Step;
  /** Call it at a clean end of the bytes. */
  end(): Step;
};

/** Translates one chat-completions stream. Success takes a finish reason and `[DONE]`. */
export function createChatTranslator(options: AnswerOptions): Translator {
  const answer = new Answer(options);
  return { push: (event) => answer.take(readChatEvent(event)), end: () => answer.close() };
}

const ALIVE: Piece = { kind: 'note', note: { type: 'alive' } };

function readChatEvent(event: SseEvent): readonly Piece[] {
  if (event.kind === 'comment') return [readComment(event.text)];
  const data = event.data.trim();
  if (data === '') return [ALIVE];
  if (data === '[DONE]') return [{ kind: 'end' }];
  const chunk = parseFields(data);
  if (event.event === 'error') return [{ kind: 'fault', report: faultOfErrorBody(undefined, chunk ?? data) }];
  if (!chunk) return [protocolFault(data)];
  if (isPresent(chunk['error']) || chunk['object'] === 'error') {
    return [{ kind: 'fault', report: faultOfErrorBody(undefined, chunk) }];
  }
  const pieces = readChunk(chunk);
  return pieces.length > 0 ? pieces : [ALIVE];
}

/** mlx_lm.server counts its prefill in comments: `keepalive done/total`, of the tokens that were not cached. */
function readComment(text: string): Piece {
  const found = /^\s*keepalive (\d+)\/(\d+)\s*$/.exec(text);
  if (!found) return ALIVE;
  return { kind: 'note', note: { type: 'progress', processed: Number(found[1]), total: Number(found[2]) } };
}

function protocolFault(data: string): Piece {
  const message = `It sent an event that is not a JSON object (${data.length} characters).`;
  return { kind: 'fault', report: { fault: 'protocol', message } };
}

/** The delta comes first: the last content may ride in the chunk that carries the finish reason. */
function readChunk(chunk: Fields): Piece[] {
  const choice = firstChoice(chunk['choices']);
  const progress = readProgress(chunk['prompt_progress']);
  const usage = readUsage(chunk);
  return [
    ...(progress ? [{ kind: 'note', note: progress } as const] : []),
    ...(choice ? readDelta(asFields(choice['delta'])) : []),
    ...(choice ? readFinish(choice['finish_reason']) : []),
    ...(usage ? [{ kind: 'usage', usage } as const] : []),
  ];
}

/** `index` may be missing; a choice other than the first was never asked for. */
function firstChoice(choices: unknown): Fields | undefined {
  if (!Array.isArray(choices)) return undefined;
  return choices.map(asFields).find((choice) => choice && (choice['index'] ?? 0) === 0);
}

// ---- Delta --------------------------------------------------------------------------------------------

function readDelta(delta: Fields | undefined): Piece[] {
  if (!delta) return [];
  const pieces: Piece[] = [];
  const thinking = textOf(delta['reasoning_content']) || textOf(delta['reasoning']);
  if (thinking) pieces.push({ kind: 'thinking', text: thinking });
  const text = textOf(delta['content']);
  if (text) pieces.push({ kind: 'text', text });
  const calls = Array.isArray(delta['tool_calls']) ? delta['tool_calls'].map(asFields) : [];
  for (const call of calls) if (call) pieces.push({ kind: 'call', fragment: readCall(call) });
  return pieces;
}

function textOf(content: unknown): string {
  if (typeof content === 'string') return content;
  if (!Array.isArray(content)) return '';
  return content.map((part) => textOf(asFields(part)?.['text'])).join('');
}

function readCall(call: Fields): CallFragment {
  const called = asFields(call['function']);
  const { index, id } = call;
  const name = called?.['name'];
  return {
    ...(typeof index === 'number' && { index }),
    ...(typeof id === 'string' && id !== '' && { id }),
    ...(typeof name === 'string' && name !== '' && { name }),
    json: argumentsOf(called?.['arguments']),
  };
}

/** A few servers send the object itself. */
function argumentsOf(value: unknown): string {
  if (typeof value === 'string') return value;
  return isPresent(value) ? JSON.stringify(value) : '';
}

// ---- Finish, usage, progress --------------------------------------------------------------------------

function readFinish(reason: unknown): Piece[] {
  if (typeof reason !== 'string') return [];
  if (reason === 'error' || reason === 'abort') {
    const message = `It gave up in the middle of the answer (finish reason "${reason}").`;
    return [{ kind: 'fault', report: { fault: 'truncated', message } }];
  }
  return [{ kind: 'finish', reason: STOP_REASONS[reason] ?? 'end_turn' }];
}

const STOP_REASONS: Readonly<Record<string, StopReason>> = {
  stop: 'end_turn',
  length: 'max_tokens',
  tool_calls: 'tool_use',
  function_call: 'tool_use',
  content_filter: 'refusal',
};

/** llama.cpp tells it twice, in `usage` and in `timings`; the latter comes even where no usage was asked for. */
function readUsage(chunk: Fields): ReportedUsage | undefined {
  const usage = asFields(chunk['usage']);
  const timings = asFields(chunk['timings']);
  const details = asFields(usage?.['prompt_tokens_details']);
  const told = details?.['cached_tokens'] ?? timings?.['cache_n'];
  const cached = toCount(told);
  const computed = toCount(timings?.['prompt_n']);
  const promptTokens =
    toCount(usage?.['prompt_tokens']) ??
    (cached !== undefined && computed !== undefined ? cached + computed : undefined);
  const outputTokens = toCount(usage?.['completion_tokens']) ?? toCount(timings?.['predicted_n']);
  if (promptTokens === undefined && cached === undefined && outputTokens === undefined) return undefined;
  const fingerprint = chunk['system_fingerprint'];
  return {
    ...(promptTokens !== undefined && { promptTokens }),
    ...cachedPart(told, promptTokens),
    ...(outputTokens !== undefined && { outputTokens }),
    ...(typeof fingerprint === 'string' && { fingerprint: fingerprint.slice(0, 100) }),
  };
}

/** llama.cpp counts the cached part as processed from the start; a note counts only what had to be computed. */
function readProgress(progress: unknown): ProgressNote | undefined {
  const fields = asFields(progress);
  const total = toCount(fields?.['total']);
  const processed = toCount(fields?.['processed']);
  if (total === undefined || processed === undefined) return undefined;
  const cached = toCount(fields?.['cache']);
  return {
    type: 'progress',
    processed: Math.max(0, processed - (cached ?? 0)),
    total: Math.max(0, total - (cached ?? 0)),
    ...(cached !== undefined && { cachedTokens: cached }),
  };
}
