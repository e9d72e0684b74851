// Servers that speak chat completions: mlx_lm.server, LM Studio, llama.cpp, vLLM. Always asked for a stream: without
// one mlx_lm.server sends nothing until the end and never notices that the client has left.

import { randomUUID } from 'node:crypto';
import { createChatTranslator } from '../wire/from-chat.ts';
import type { Conversation } from '../wire/message.ts';
import { chatJson, toChat } from '../wire/to-chat.ts';
import type { Backend, BackendStatus, Opened, OpenRequest } from './backend.ts';
import { countTokens } from './count.ts';
import type { Gate } from './gate.ts';
import { createHttp } from './http.ts';
import { createPrefixFlights } from './prefix-flights.ts';
import { createSlotChoice } from './slot-choice.ts';
import { type Budgets, openStream } from './stream.ts';

export type LocalBackendOptions = {
  readonly name: string;
  /** With or without `/v1`. */
  readonly url: string;
  readonly apiKey?: string | undefined;
  readonly gate: Gate;
  readonly budgets: Budgets;
  readonly flattenSystemPrompt: 'keep' | 'flatten';
  /** What is known of the server by now; asked for every request. */
  readonly status: () => BackendStatus;
};

export function createChatBackend(options: LocalBackendOptions): Backend {
  const { name, gate, budgets, status } = options;
  const http = createHttp({ backend: name, url: options.url, apiKey: options.apiKey });
  const flights = createPrefixFlights();
  const slots = createSlotChoice(http, status);
  const line = { http, gate, budgets, mustLoad: () => status().loaded === false };

  async function stream(request: OpenRequest, signal: AbortSignal, slot?: number): Promise<Opened> {
    const send = {
      method: 'POST',
      // mlx_lm.server compares the path as a whole: no query may follow.
      path: '/v1/chat/completions',
      headers: { 'content-type': 'application/json', accept: 'text/event-stream' },
      body: chatBody(request, options, slot),
    };
    // The others have one slot for a conversation, and what one slot has read another one cannot use.
    const flown = status().flavour === 'mlx-lm' ? { ...line, flights } : line;
    const translator = createChatTranslator(answerOf(request));
    const opened = await openStream({ line: flown, request, send, translator }, signal);
    return { ...opened, items: slots.watch(request, opened.items) };
  }

  return {
    name,
    open(request, signal) {
      const chosen = slots.choose(request, signal);
      return chosen === undefined
        ? stream(request, signal)
        : chosen.then((slot) => stream(request, signal, slot));
    },
    async countTokens(conversation, model, signal) {
      return status().flavour === 'llama.cpp'
        ? countTokens(http, { conversation, model, signal })
        : undefined;
    },
    close: () => http.close(),
  };
}

export function answerOf({ requestedModel, promptTokens, conversation }: OpenRequest) {
  const { stopSequences, callable } = conversation;
  const messageId = `msg_${randomUUID().replaceAll('-', '')}`;
  return { requestedModel, messageId, promptTokens, stopSequences, callable };
}

function chatBody(
  { conversation, model }: OpenRequest,
  options: LocalBackendOptions,
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
