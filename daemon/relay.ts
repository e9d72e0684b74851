// A request for the Claude API: the bytes received go on unchanged, and status, headers and bytes come back
// unchanged. A copy of the answer is read on the side for the outcome; that reading can never disturb it.

import { BackendError, type Received } from '../backend/backend.ts';
import type { Exchange } from '../backend/claude.ts';
import type { Ending } from '../router/outcome.ts';
import { createAnswerReader } from '../wire/answer-reader.ts';
import type { FaultReport } from '../wire/error.ts';
import type { Pass } from './pass.ts';
import { recordedFailure } from './recorded.ts';
import { replyToFault, STOPPED } from './reply.ts';
import { drained, sendError } from './sink.ts';

/** A pass that needs nothing of the request but its bytes: they may hold what this version cannot read. */
type Relayed = Omit<Pass, 'admitted'> & {
  readonly received: Received;
  /** What the API is asked for, where that can be read. */
  readonly model?: string;
};

export async function relayToClaude(pass: Relayed): Promise<Ending> {
  const { deps, draft, received, model, signal } = pass;
  draft.known.answeredBy = deps.claude.name;
  if (model === undefined) delete draft.known.model;
  else draft.known.model = model;
  draft.phase = 'before-first-token';
  draft.known.overheadMs = deps.clock.now() - draft.arrivedMs;
  try {
    const exchange = await deps.claude.exchange(received, signal);
    const unfinished = await passOn(pass, exchange);
    return exchange.status < 400 ? endOf(unfinished, pass) : endOfStatus(exchange.status, pass);
  } catch (error) {
    if (signal.aborted) return endAborted(pass);
    if (!(error instanceof BackendError)) throw error;
    return tell(pass, error);
  }
}

/** For the routes that are no messages (token counts): passed on the same way, without an outcome. */
export async function forwardToClaude(
  { claude }: Pick<Pass['deps'], 'claude'>,
  { received, response, signal }: { received: Received } & Pick<Pass, 'response' | 'signal'>,
): Promise<void> {
  const { status, headers, body } = await claude.exchange(received, signal);
  response.writeHead(status, headers);
  for await (const chunk of body) response.write(chunk);
  response.end();
}

/** Answers why what has passed is no whole answer, where it is none: its bytes end for the client as they ended here. */
async function passOn(
  { deps, draft, tally, response }: Relayed,
  exchange: Exchange,
): Promise<FaultReport | undefined> {
  const reader = createAnswerReader(exchange.headers);
  response.writeHead(exchange.status, {
    ...exchange.headers,
    'x-anyclaude-request-id': draft.requestId,
    'x-anyclaude-backend': deps.claude.name,
    'x-anyclaude-reason': 'passthrough',
  });
  response.flushHeaders();
  for await (const chunk of exchange.body) {
    response.write(chunk);
    draft.known.bytesOut += chunk.length;
    for (const item of reader.push(chunk)) tally.see(item, deps.clock.now());
    if (tally.firstContentAtMs !== undefined) draft.phase = 'mid-stream';
    if (response.writableNeedDrain) await drained(response);
  }
  for (const item of reader.end()) tally.see(item, deps.clock.now());
  response.end();
  return reader.fault;
}

/** A clean end alone is no success: the answer has to say that it is complete. */
function endOf(unfinished: FaultReport | undefined, { deps, draft }: Relayed): Ending {
  if (unfinished === undefined) return { result: 'completed' };
  const { fault, message } = unfinished;
  const { name } = deps.claude;
  draft.known.message = recordedFailure(new BackendError({ fault, backend: name }, `${name}: ${message}`));
  return { result: 'failed', phase: draft.phase, fault };
}

function endOfStatus(status: number, { draft }: Relayed): Ending {
  draft.known.message = `The Claude API answered ${status}.`;
  return { result: 'failed', phase: 'before-first-token', fault: faultOfStatus(status) };
}

function faultOfStatus(status: number) {
  if (status === 401 || status === 403) return 'unauthorised';
  if (status === 429) return 'rate-limited';
  if (status === 529 || status === 503) return 'overloaded';
  return status < 500 ? 'rejected' : 'status';
}

/** The client has left, or the daemon has to stop before the API has ended. */
function endAborted({ deps, draft, response }: Relayed): Ending {
  if (!deps.stopping.aborted) return { result: 'cancelled', phase: draft.phase };
  draft.known.message = STOPPED;
  const reply = replyToFault('draining', draft.phase, { message: STOPPED });
  // The bytes are the API's: nothing of ours is put behind them.
  if (response.headersSent) response.destroy();
  else draft.known.bytesOut = sendError(response, draft.requestId, reply);
  return { result: 'failed', phase: draft.phase, fault: 'draining' };
}

function tell({ draft, response }: Relayed, error: BackendError): Ending {
  const { fault } = error.detail;
  draft.known.message = recordedFailure(error);
  if (response.headersSent) {
    // The client would take a clean end for a whole answer.
    response.destroy();
  } else {
    draft.known.bytesOut = sendError(response, draft.requestId, replyToFault(fault, draft.phase, error));
  }
  return { result: 'failed', phase: draft.phase, fault };
}
