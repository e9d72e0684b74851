// Servers that speak chat completions: mlx_lm.server, LM Studio, llama.cpp, vLLM. Always asked for a stream: without
// one mlx_lm.server sends nothing until the end and never notices that the client has left.

import { createChatTranslator } from '../wire/from-chat.ts';
import type { Conversation } from '../wire/message.ts';
import { chatJson, toChat } from '../wire/to-chat.ts';
import type { Backend, BackendStatus, Opened, OpenRequest } from './backend.ts';
import { answerOf, type LocalBackendOptions, openLocalServer, translated } from './local.ts';
import { createPrefixFlights } from './prefix-flights.ts';
import { createSlotChoice } from './slot-choice.ts';
import { openStream } from './stream.ts';

export type ChatBackendOptions = LocalBackendOptions & { readonly flattenSystemPrompt: 'keep' | 'flatten' };

export function createChatBackend(options: ChatBackendOptions): Backend {
  const { status } = options;
  const { http, line, rest } = openLocalServer(options);
  const flights = createPrefixFlights();
  const slots = createSlotChoice(http, status);

  async function stream(request: OpenRequest, signal: AbortSignal, slot?: number): Promise<Opened> {
    const send = {
      method: 'POST',
      // mlx_lm.server compares the path as a whole: no query may follow.
      path: '/v1/chat/completions',
      headers: { 'content-type': 'application/json', accept: 'text/event-stream' },
      body: translated(request, () => chatBody(request, options, slot)),
    };
    // The others have one slot for a conversation, and what one slot has read another one cannot use.
    const flown = status().flavour === 'mlx-lm' ? { ...line, flights } : line;
    const translator = createChatTranslator(answerOf(request));
    const opened = await openStream({ line: flown, request, send, translator }, signal);
    return { ...opened, items: slots.watch(request, opened.items) };
  }

  return {
    ...rest,
    open(request, signal) {
      const chosen = slots.choose(request, signal);
      return chosen === undefined
        ? stream(request, signal)
        : chosen.then((slot) => stream(request, signal, slot));
    },
  };
}

function chatBody(
  { conversation, model }: OpenRequest,
  options: ChatBackendOptions,
  slot: number | undefined,
): string {
  const { flavour, supportsImages } = options.status();
  const request = toChat(conversation, {
    model,
    flattenSystemPrompt: options.flattenSystemPrompt,
    images: sendsImages(conversation, flavour, supportsImages) ? 'send' : 'note',
    toolChoice: flavour === 'mlx-lm' ? 'omit' : 'send',
  });
  return chatJson({ ...request, ...extras(flavour), id_slot: slot });
}

/** An image kills a request that a server for text alone gets; one of unknown talents is given the chance. */
function sendsImages(
  { hasImages }: Conversation,
  flavour: BackendStatus['flavour'],
  supportsImages: boolean | undefined,
): boolean {
  return hasImages && (supportsImages ?? flavour !== 'mlx-lm');
}

/** What a server understands beyond the dialect. */
function extras(flavour: BackendStatus['flavour']): Readonly<Record<string, boolean>> {
  switch (flavour) {
    case 'llama.cpp':
      return { cache_prompt: true, return_progress: true };
    case 'lmstudio':
      return { cache_prompt: true };
    default:
      return {};
  }
}
