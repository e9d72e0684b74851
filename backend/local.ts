// What the local backends have in common, whatever they speak: a connection, a gate before it, and what an answer is
// made with.

import { randomUUID } from 'node:crypto';
import type { AnswerOptions } from '../wire/answer.ts';
import type { Backend, BackendStatus, OpenRequest } from './backend.ts';
import { countTokens } from './count.ts';
import type { Gate } from './gate.ts';
import { createHttp, type Http } from './http.ts';
import type { Budgets, Line } from './stream.ts';

export type LocalBackendOptions = {
  readonly name: string;
  /** With or without `/v1`. */
  readonly url: string;
  readonly apiKey?: string | undefined;
  readonly gate: Gate;
  readonly budgets: Budgets;
  /** What is known of the server by now; asked for every request. */
  readonly status: () => BackendStatus;
};

export type LocalServer = {
  readonly http: Http;
  readonly line: Line;
  /** All of a backend but its dialect. */
  readonly rest: Pick<Backend, 'name' | 'countTokens' | 'close'>;
};

export function openLocalServer(options: LocalBackendOptions): LocalServer {
  const { name, url, apiKey, gate, budgets, status } = options;
  const http = createHttp({ backend: name, url, apiKey });
  return {
    http,
    line: { http, gate, budgets, mustLoad: () => status().loaded === false },
    rest: {
      name,
      async countTokens(conversation, model, signal) {
        return status().flavour === 'llama.cpp'
          ? countTokens(http, { conversation, model, signal })
          : undefined;
      },
      close: () => http.close(),
    },
  };
}

export function answerOf({ requestedModel, promptTokens, conversation }: OpenRequest): AnswerOptions {
  const { stopSequences, callable } = conversation;
  const messageId = `msg_${randomUUID().replaceAll('-', '')}`;
  return { requestedModel, messageId, promptTokens, stopSequences, callable };
}

/** The body of a request, with the time it took to write told to who asks for it. */
export function translated({ onTranslated }: OpenRequest, write: () => string): string {
  const startedMs = performance.now();
  const body = write();
  onTranslated?.(performance.now() - startedMs);
  return body;
}
