// Reads a copy of what the Claude API answers, streamed or whole, for the outcome alone: whatever cannot be
// read here is left out of the record and disturbs nobody.

import { asFields, parseFields, toCount } from './fields.ts';
import type { StreamItem } from './frame.ts';
import { createFrameReader } from './from-anthropic.ts';
import { createSseReader } from './sse.ts';

export type AnswerReader = {
  push(bytes: Uint8Array): readonly StreamItem[];
  /** What only the whole answer tells. */
  end(): readonly StreamItem[];
  /** True once the answer has said that it is complete. */
  readonly complete: boolean;
};

/** `contentType` as the API sent it. */
export function createAnswerReader(contentType: string | undefined): AnswerReader {
  if (contentType?.startsWith('text/event-stream')) return createStreamReader();
  if (contentType?.startsWith('application/json')) return createJsonReader();
  return { push: () => [], end: () => [], complete: true };
}

function createStreamReader(): AnswerReader {
  const events = createSseReader();
  const frames = createFrameReader({ origin: 'claude' });
  let complete = false;
  return {
    push(bytes) {
      const steps = events.push(bytes).map((event) => frames.push(event));
      complete ||= steps.some((step) => step.done);
      return steps.flatMap((step) => step.items);
    },
    end: () => [],
    get complete() {
      return complete;
    },
  };
}

const MOST_BYTES = 32 * 1024 * 1024;

function createJsonReader(): AnswerReader {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  return {
    push(chunk) {
      bytes += chunk.length;
      if (bytes <= MOST_BYTES) chunks.push(chunk);
      return [];
    },
    end: () => (bytes <= MOST_BYTES ? readMessage(Buffer.concat(chunks).toString('utf8')) : []),
    complete: true,
  };
}

function readMessage(text: string): readonly StreamItem[] {
  const message = parseFields(text);
  const usage = asFields(message?.['usage']);
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
