// One request on its way through: what its steps share, and the watch over the client that waits for it.

import type { ServerResponse } from 'node:http';
import type { MessageStart } from '../wire/frame.ts';
import type { Deps } from './deps.ts';
import type { Draft } from './draft.ts';
import type { Admitted } from './plan.ts';
import { createJsonSink, createStreamSink, type Sink } from './sink.ts';
import type { Tally } from './tally.ts';

export type Pass = {
  readonly deps: Deps;
  readonly admitted: Admitted;
  readonly draft: Draft;
  readonly tally: Tally;
  readonly response: ServerResponse;
  /** Aborts when the client has left, or the daemon must stop. */
  readonly signal: AbortSignal;
};

export function openSink({ deps, admitted, draft, response }: Pass, promptTokens: number): Sink {
  const openingFrame = (): MessageStart => ({
    type: 'message_start',
    message: {
      id: `msg_${draft.requestId}`,
      type: 'message',
      role: 'assistant',
      model: admitted.request.model,
      content: [],
      stop_reason: null,
      stop_sequence: null,
      usage: { input_tokens: promptTokens, output_tokens: 0 },
    },
  });
  const { commitAfterMs, pingEveryMs } = deps.config;
  const options = { response, requestId: draft.requestId, commitAfterMs, pingEveryMs, openingFrame };
  return admitted.request.stream ? createStreamSink(options) : createJsonSink(options);
}

export function passHeaders({ draft }: Pass, backend: string): Record<string, string> {
  return {
    'request-id': draft.requestId,
    'x-anyclaude-request-id': draft.requestId,
    'x-anyclaude-backend': backend,
  };
}

/** `close` with the reply unfinished is the one sure sign; the request's own `close` fires once its body is read. */
export function watchClient(
  response: ServerResponse,
  stopping: AbortSignal,
): { readonly signal: AbortSignal; stop(): void } {
  const controller = new AbortController();
  const onClose = (): void => {
    if (!response.writableFinished) controller.abort(new Error('The client closed the connection.'));
  };
  const onStop = (): void => controller.abort(stopping.reason);
  response.on('close', onClose);
  stopping.addEventListener('abort', onStop, { once: true });
  return {
    signal: controller.signal,
    stop() {
      response.off('close', onClose);
      stopping.removeEventListener('abort', onStop);
    },
  };
}
