// Reads a copy of what the Claude API answers, streamed or whole, for the outcome alone: whatever cannot be
// read here is left out of the record and disturbs nobody.

import type { IncomingHttpHeaders } from 'node:http';
import { type FaultReport, WireError } from './error.ts';
import { faultOfErrorBody } from './fault.ts';
import { asFields, type Fields, parseFields, toCount } from './fields.ts';
import type { StreamItem } from './frame.ts';
import { createFrameReader } from './from-anthropic.ts';
import { createSseReader, type SseEvent } from './sse.ts';

export type AnswerReader = {
  /** Never throws. */
  push(bytes: Uint8Array): readonly StreamItem[];
  /** The bytes have ended: what only the whole answer tells. */
  end(): readonly StreamItem[];
  /** Why this is no whole answer. Asked after `end`; undefined where it is one, or cannot be read here. */
  readonly fault: FaultReport | undefined;
};

/** `headers` as the API sent them with a status of success. */
export function createAnswerReader(headers: IncomingHttpHeaders): AnswerReader {
  const type = headers['content-type'] ?? 'no content type';
  // It was asked for plain bytes; what comes compressed all the same passes unread.
  if ((headers['content-encoding'] ?? 'identity') !== 'identity') return unread(undefined);
  if (type.startsWith('text/event-stream')) return createStreamReader();
  if (type.startsWith('application/json')) return createJsonReader();
  return unread({ fault: 'protocol', message: `It answered with ${type}, which is no answer of a model.` });
}

function unread(fault: FaultReport | undefined): AnswerReader {
  return { push: () => [], end: () => [], fault };
}

function createStreamReader(): AnswerReader {
  const events = createSseReader();
  const frames = createFrameReader({ origin: 'claude' });
  let fault: FaultReport | undefined;
  return {
    push(bytes) {
      if (fault) return [];
      const read = eventsOf(events, bytes);
      if ('fault' in read) fault = read;
      const steps = 'fault' in read ? [] : read.map((event) => frames.push(event));
      fault ??= steps.find((step) => step.fault)?.fault;
      return steps.flatMap((step) => step.items);
    },
    end() {
      fault ??= frames.end().fault;
      return [];
    },
    get fault() {
      return fault;
    },
  };
}

function eventsOf(
  reader: ReturnType<typeof createSseReader>,
  bytes: Uint8Array,
): readonly SseEvent[] | FaultReport {
  try {
    return reader.push(bytes);
  } catch (error) {
    if (error instanceof WireError) return { fault: 'protocol', message: error.message };
    throw error;
  }
}

const MOST_BYTES = 32 * 1024 * 1024;
const NOT_WHOLE: FaultReport = {
  fault: 'truncated',
  message: 'Its answer ended before it was a whole JSON object.',
};

function createJsonReader(): AnswerReader {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  let fault: FaultReport | undefined;
  return {
    push(chunk) {
      bytes += chunk.length;
      if (bytes <= MOST_BYTES) chunks.push(chunk);
      return [];
    },
    end() {
      if (bytes > MOST_BYTES) return [];
      const message = parseFields(Buffer.concat(chunks).toString('utf8'));
      if (message === undefined) fault = NOT_WHOLE;
      else if (message['type'] === 'error') fault = faultOfErrorBody(undefined, message);
      return message ? usageOf(message) : [];
    },
    get fault() {
      return fault;
    },
  };
}

function usageOf(message: Fields): readonly StreamItem[] {
  const usage = asFields(message['usage']);
  if (!usage) return [];
  const input = toCount(usage['input_tokens']);
  const cachedTokens = toCount(usage['cache_read_input_tokens']);
  const writtenTokens = toCount(usage['cache_creation_input_tokens']);
  const outputTokens = toCount(usage['output_tokens']);
  return [
    {
      type: 'usage',
      ...(input !== undefined && { promptTokens: input + (cachedTokens ?? 0) + (writtenTokens ?? 0) }),
      ...(cachedTokens !== undefined && { cachedTokens }),
      ...(writtenTokens !== undefined && { writtenTokens }),
      ...(outputTokens !== undefined && { outputTokens }),
    },
  ];
}
