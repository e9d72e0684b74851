// A local server asked to speak Messages itself. LM Studio's route for that differs from version to version (system
// messages refused, tool schemas refused, answers that stop early), so it is tried once before it is trusted; where it
// does not fit, the same server is spoken to in chat completions.

import { createAnthropicBackend } from './anthropic.ts';
import type { Backend } from './backend.ts';
import { type ChatBackendOptions, createChatBackend } from './chat.ts';
import { messagesRouteFits } from './proof.ts';

export function createNativeBackend(options: ChatBackendOptions): Backend {
  const messages = createAnthropicBackend(options);
  const chat = createChatBackend(options);
  const { name: backend, url, apiKey, gate } = options;
  let verdict: { readonly model: string; readonly fits: boolean } | undefined;

  async function fits(model: string, signal: AbortSignal): Promise<boolean> {
    if (verdict?.model !== model) {
      verdict = { model, fits: await messagesRouteFits({ backend, url, apiKey, model, gate }, signal) };
    }
    return verdict.fits;
  }

  return {
    name: backend,
    async open(request, signal) {
      const fitting = await fits(request.model, signal);
      return (fitting ? messages : chat).open(request, signal);
    },
    countTokens: (...asked) => chat.countTokens?.(...asked) ?? Promise.resolve(undefined),
    async close() {
      await Promise.all([messages.close(), chat.close()]);
    },
  };
}
