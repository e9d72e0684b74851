// Local servers that speak the Messages API themselves (llama.cpp, LM Studio's native route behind its probe). The
// body is written anew from the conversation: the client's own holds a nonce, and keys that are not theirs.

import { createFrameReader } from '../wire/from-anthropic.ts';
import { toMessages } from '../wire/to-messages.ts';
import type { Backend } from './backend.ts';
import { answerOf, type LocalBackendOptions } from './chat.ts';
import { countTokens } from './count.ts';
import { createHttp } from './http.ts';
import { openStream } from './stream.ts';

export function createAnthropicBackend(options: Omit<LocalBackendOptions, 'flattenSystemPrompt'>): Backend {
  const { name, gate, budgets, status } = options;
  const http = createHttp({ backend: name, url: options.url, apiKey: options.apiKey });
  const line = { http, gate, budgets, mustLoad: () => status().loaded === false };
  return {
    name,
    open(request, signal) {
      const send = {
        method: 'POST',
        path: '/v1/messages',
        headers: {
          'content-type': 'application/json',
          accept: 'text/event-stream',
          'anthropic-version': '2023-06-01',
        },
        body: JSON.stringify(toMessages(request.conversation, { model: request.model })),
      };
      const translator = createFrameReader({ origin: 'local', answer: answerOf(request) });
      return openStream({ line, request, send, translator }, signal);
    },
    async countTokens(conversation, model, signal) {
      return status().flavour === 'llama.cpp'
        ? countTokens(http, { conversation, model, signal })
        : undefined;
    },
    close: () => http.close(),
  };
}
