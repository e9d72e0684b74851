// Local servers that speak the Messages API themselves (llama.cpp, LM Studio's native route behind its probe). The
// body is written anew from the conversation: the client's own holds a nonce, and keys that are not theirs.

import { createFrameReader } from '../wire/from-anthropic.ts';
import { toMessages } from '../wire/to-messages.ts';
import type { Backend } from './backend.ts';
import { answerOf, type LocalBackendOptions, openLocalServer, translated } from './local.ts';
import { openStream } from './stream.ts';

export function createAnthropicBackend(options: LocalBackendOptions): Backend {
  const { line, rest } = openLocalServer(options);
  return {
    ...rest,
    open(request, signal) {
      const send = {
        method: 'POST',
        path: '/v1/messages',
        headers: {
          'content-type': 'application/json',
          accept: 'text/event-stream',
          'anthropic-version': '2023-06-01',
        },
        body: translated(request, () =>
          JSON.stringify(toMessages(request.conversation, { model: request.model })),
        ),
      };
      const translator = createFrameReader({ origin: 'local', answer: answerOf(request) });
      return openStream({ line, request, send, translator }, signal);
    },
  };
}
