// One streamed answer of a model: wait at the gate, send, check that what comes is a stream, relay it item by
// item. The gate's place is given back in every ending, also where nobody reads: the end of the response body does it.

import type { Step } from '../wire/answer.ts';
import type { FaultReport } from '../wire/error.ts';
import { WireError } from '../wire/error.ts';
import { faultOfErrorBody } from '../wire/fault.ts';
import type { StreamItem } from '../wire/frame.ts';
import type { Translator } from '../wire/from-chat.ts';
import { createSseReader, type SseEvent } from '../wire/sse.ts';
import { BackendError, type Opened, type OpenRequest } from './backend.ts';
import { Deadline } from './deadline.ts';
import type { Gate } from './gate.ts';
import { type Http, type HttpAnswer, type HttpRequest, readText } from './http.ts';
import type { PrefixFlights } from './prefix-flights.ts';

/** Silence allowed, in milliseconds. */
export type Budgets = {
  /** Until the first content, for a prompt of this many tokens. Any sign of life begins it anew. */
  readonly firstTokenMs: (promptTokens: number) => number;
  /** Within the answer. mlx_lm.server is silent for as long as it writes a tool call. */
  readonly idleMs: number;
  /** Until the headers, where the model has to be loaded first. */
  readonly loadMs: number;
};

export type Line = {
  readonly http: Http;
  readonly gate?: Gate;
  readonly budgets: Budgets;
  /** Set where two cold requests that begin alike had better not be sent at once. */
  readonly flights?: PrefixFlights;
  /** True while the server is known to have no model in memory. */
  readonly mustLoad: () => boolean;
};

export type Ask = {
  readonly line: Line;
  readonly request: OpenRequest;
  readonly send: HttpRequest;
  readonly translator: Translator;
};

type Answering = {
  readonly ask: Ask;
  readonly answer: HttpAnswer;
  readonly deadline: Deadline;
  /** The prompt has been read. Calling it again does nothing. */
  readonly land: () => void;
  /** Gives back what the request holds; calling it again does nothing. */
  readonly settle: () => void;
};

const ERROR_BODY_MS = 5_000;
const LEFTOVER_MS = 1_000;

/** Resolves once the server streams; see Backend.open. */
export async function openStream(ask: Ask, signal: AbortSignal): Promise<Opened> {
  const { line, request } = ask;
  const waitedFromMs = performance.now();
  const { coldPrefix } = request;
  const land =
    line.flights && coldPrefix !== undefined ? await line.flights.enter(coldPrefix, signal) : () => {};
  const release = await line.gate?.acquire(signal).catch((error) => {
    land();
    throw error;
  });
  const queueMs = performance.now() - waitedFromMs;
  request.onAdmitted?.();
  const deadline = new Deadline(signal, (budgetMs) => stalled(line.http, budgetMs));
  const settle = (): void => {
    deadline.end();
    land();
    release?.();
  };
  try {
    const answer = await accepted(ask, deadline);
    answer.body.once('close', settle);
    return { items: relay({ ask, answer, deadline, land, settle }), queueMs };
  } catch (error) {
    settle();
    throw error;
  }
}

async function accepted({ line, request, send }: Ask, deadline: Deadline): Promise<HttpAnswer> {
  const { http, budgets } = line;
  deadline.wait(line.mustLoad() ? budgets.loadMs : budgets.firstTokenMs(request.promptTokens));
  const answer = await http.send(send, deadline.signal);
  if (answer.status === 200 && isEventStream(answer)) return answer;
  deadline.wait(ERROR_BODY_MS);
  throw await refusal(http, answer, deadline.signal);
}

export function isEventStream({ headers }: HttpAnswer): boolean {
  return headers['content-type']?.toLowerCase().startsWith('text/event-stream') ?? false;
}

async function* relay({ ask, answer, deadline, land, settle }: Answering): AsyncGenerator<StreamItem> {
  const { line, request, translator } = ask;
  const reader = createSseReader();
  const chunks: AsyncIterator<Buffer> = answer.body.iterator({ destroyOnReturn: false });
  let budgetMs = line.budgets.firstTokenMs(request.promptTokens);
  let mayEnd = false;
  try {
    for (;;) {
      deadline.wait(budgetMs);
      const { done, value } = await chunks.next();
      deadline.rest();
      for (const step of stepsOf(done ? 'end' : reader.push(value), translator)) {
        if (step.items.some(isContent)) budgetMs = line.budgets.idleMs;
        if (step.items.some(isRead)) land();
        mayEnd = step.done && !step.fault && !step.items.some(isOwnStop);
        yield* step.items;
        if (step.fault) throw failure(line.http, step.fault);
        if (step.done) return;
      }
    }
  } catch (error) {
    throw reported(error, ask, deadline.signal);
  } finally {
    if (mayEnd) void readOut(chunks, answer);
    else answer.body.destroy();
    settle();
  }
}

/** One at a time, for nothing may be pushed after the last one. */
function* stepsOf(events: readonly SseEvent[] | 'end', translator: Translator): Generator<Step> {
  if (events === 'end') yield translator.end();
  else for (const event of events) yield translator.push(event);
}

/** The first content, or word that the model writes what is held back here. */
function isContent(item: StreamItem): boolean {
  return item.type === 'content_block_start' || (item.type === 'alive' && item.generating === true);
}

/** The whole prompt has been computed. */
function isRead(item: StreamItem): boolean {
  return isContent(item) || (item.type === 'progress' && item.processed >= item.total);
}

/** A stop sequence was met here: the server knows nothing of it and would go on. */
function isOwnStop(item: StreamItem): boolean {
  return item.type === 'message_delta' && item.delta.stop_reason === 'stop_sequence';
}

/** What stands behind the end mark is read, so that the connection can be used again. */
async function readOut(chunks: AsyncIterator<Buffer>, { body }: HttpAnswer): Promise<void> {
  const cut = setTimeout(() => body.destroy(), LEFTOVER_MS);
  try {
    while (!(await chunks.next()).done);
  } catch {
    // The answer was complete before: the connection is lost, and nothing else.
  } finally {
    clearTimeout(cut);
  }
}

// ---- Faults -------------------------------------------------------------------------------------------

function reported(error: unknown, { line }: Ask, signal: AbortSignal): unknown {
  if (error instanceof BackendError) return error;
  if (error instanceof WireError) return failure(line.http, { fault: 'protocol', message: error.message });
  return line.http.errorOf(error, signal);
}

function failure({ backend, url }: Http, report: FaultReport, answer?: HttpAnswer): BackendError {
  const retryAfterS = answer && readRetryAfter(answer);
  const detail = {
    fault: report.fault,
    backend,
    ...(answer && { httpStatus: answer.status }),
    ...(retryAfterS !== undefined && { retryAfterS }),
    ...(report.overflow && { overflow: report.overflow }),
  };
  return new BackendError(detail, `${backend} at ${url}: ${report.message}`);
}

function stalled(http: Http, budgetMs: number): BackendError {
  const message = `It gave no sign of life for ${Math.round(budgetMs / 1000)} s.`;
  return failure(http, { fault: 'stalled', message });
}

/** The answer is no stream: a status, a page of HTML, or an error under a 200. Reads it to its end. */
export async function refusal(http: Http, answer: HttpAnswer, signal: AbortSignal): Promise<unknown> {
  const { status } = answer;
  if (status >= 300 && status < 400) {
    answer.body.destroy();
    const message = `It answered with a redirect (HTTP ${status}), which is not followed.`;
    return failure(http, { fault: 'protocol', message }, answer);
  }
  try {
    const report = reportOf(answer, await readText(answer.body));
    return failure(http, report, answer);
  } catch (error) {
    return error instanceof BackendError ? error : http.errorOf(error, signal);
  }
}

function reportOf({ status, headers }: HttpAnswer, body: string): FaultReport {
  const report = faultOfErrorBody(status, body);
  if (report.fault !== 'protocol') return report;
  const contentType = headers['content-type'] ?? 'no content type';
  const seen = `It answered with HTTP ${status} and ${contentType} where an event stream was asked for.`;
  // Not one byte of a web page is passed on.
  const mayQuote = !/html|xml/i.test(contentType) && !body.trimStart().startsWith('<');
  return { fault: 'protocol', message: mayQuote ? `${seen} ${report.message}` : seen };
}

function readRetryAfter({ headers }: HttpAnswer): number | undefined {
  const value = headers['retry-after'];
  return value !== undefined && /^\d{1,6}$/.test(value) ? Number(value) : undefined;
}
