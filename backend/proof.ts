// What only generating can prove: that a server still generates (mlx_lm.server's HTTP side outlives the thread that
// does), and that LM Studio's own Messages route takes what Claude Code sends.

import { randomUUID } from 'node:crypto';
import { asFields, parseFields } from '../wire/fields.ts';
import { createFrameReader } from '../wire/from-anthropic.ts';
import { createSseReader, type SseEvent } from '../wire/sse.ts';
import { BackendError } from './backend.ts';
import type { Gate } from './gate.ts';
import { createHttp, type HttpRequest, readText } from './http.ts';
import type { Address } from './probe.ts';
import { isEventStream, refusal } from './stream.ts';

export type Proof = Omit<Address, 'model'> & {
  /** The model to ask for. */
  readonly model: string;
  /** A single-slot server is not asked twice at once. */
  readonly gate: Gate;
};

/**
 * Lets the server generate one token. Rejects with BackendError where it does not, `stalled` where the signal
 * aborted first. To be used while nothing else runs there.
 */
export async function proveAlive(proof: Proof, signal: AbortSignal): Promise<void> {
  // An exact repeat of a prompt has killed mlx_lm.server's generation thread.
  const content = `Say yes. (${randomUUID()})`;
  const events = await ask(proof, signal, {
    path: '/v1/chat/completions',
    body: { model: proof.model, messages: [{ role: 'user', content }], max_tokens: 1, stream: true },
  }).catch((error) => {
    throw signal.aborted ? faulty(proof, 'stalled', 'It did not generate one token in time.') : error;
  });
  if (events.some(isFinish)) return;
  throw faulty(proof, 'dead', 'It took a request for one token and generated nothing.');
}

/**
 * Whether its /v1/messages takes what Claude Code sends (a system message between the turns, tools, a stream)
 * and ends as the dialect promises. Rejects with BackendError where it could not be asked, or with the signal's
 * reason.
 */
export async function messagesRouteFits(proof: Proof, signal: AbortSignal): Promise<boolean> {
  try {
    const events = await ask(proof, signal, { path: '/v1/messages', body: messagesSample(proof.model) });
    const reader = createFrameReader({ origin: 'claude' });
    const last = events.map((event) => reader.push(event)).find((step) => step.done);
    return last !== undefined && last.fault === undefined;
  } catch (error) {
    if (error instanceof BackendError && !UNASKED.has(error.detail.fault)) return false;
    throw error;
  }
}

const UNASKED: ReadonlySet<string> = new Set(['connect', 'stalled', 'loading', 'queue-full']);

function messagesSample(model: string) {
  const text = (words: string) => [{ type: 'text', text: words }];
  const path = { type: 'string', description: 'Where the file is', pattern: '^/.*$' };
  return {
    model,
    max_tokens: 16,
    stream: true,
    system: text('You help with a small program.'),
    messages: [
      { role: 'user', content: text('Is anybody there?') },
      { role: 'system', content: text('The day is short.') },
      { role: 'user', content: text('Say yes.') },
    ],
    tools: [
      {
        name: 'Read',
        description: 'Reads a file',
        input_schema: { type: 'object', properties: { path }, required: ['path'] },
      },
    ],
  };
}

async function ask(
  proof: Proof,
  signal: AbortSignal,
  { path, body }: { path: string; body: object },
): Promise<readonly SseEvent[]> {
  const release = await proof.gate.acquire(signal);
  const http = createHttp(proof);
  try {
    const request: HttpRequest = {
      method: 'POST',
      path,
      headers: { 'content-type': 'application/json', accept: 'text/event-stream' },
      body: JSON.stringify(body),
    };
    const answer = await http.send(request, signal);
    if (answer.status !== 200 || !isEventStream(answer)) throw await refusal(http, answer, signal);
    return createSseReader().push(Buffer.from(await readText(answer.body)));
  } catch (error) {
    throw error instanceof BackendError ? error : http.errorOf(error, signal);
  } finally {
    release();
    await http.close();
  }
}

function isFinish(event: SseEvent): boolean {
  if (event.kind !== 'event') return false;
  const choices = parseFields(event.data)?.['choices'];
  const [choice] = Array.isArray(choices) ? choices.map(asFields) : [];
  return typeof choice?.['finish_reason'] === 'string';
}

function faulty({ backend, url }: Address, fault: 'dead' | 'stalled', message: string): BackendError {
  return new BackendError({ fault, backend }, `${backend} at ${url}: ${message}`);
}
