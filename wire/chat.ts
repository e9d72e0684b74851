// The chat-completions request, as far as it is relied on. Keys are left out rather than null: mlx_lm.server drops
// the connection or answers 400 on a null. `seed`, penalties and `logit_bias` are not here on purpose: they take
// requests out of mlx_lm.server's batch, or kill its generation thread.

import type { JsonObject } from './message.ts';

export type ChatTextPart = { readonly type: 'text'; readonly text: string };
export type ChatImagePart = { readonly type: 'image_url'; readonly image_url: { readonly url: string } };

export type ChatToolCall = {
  readonly id: string;
  readonly type: 'function';
  /** `arguments` is always the text of one JSON object. */
  readonly function: { readonly name: string; readonly arguments: string };
};

export type ChatMessage =
  | { readonly role: 'system'; readonly content: string }
  /** Parts only where there is an image: not every server takes them. */
  | { readonly role: 'user'; readonly content: string | readonly (ChatTextPart | ChatImagePart)[] }
  | { readonly role: 'assistant'; readonly content: string; readonly tool_calls?: readonly ChatToolCall[] }
  | { readonly role: 'tool'; readonly tool_call_id: string; readonly content: string };

export type ChatTool = {
  readonly type: 'function';
  readonly function: { readonly name: string; readonly description: string; readonly parameters: JsonObject };
};

export type ChatRequest = {
  /** Left out: the server answers with whatever it has loaded. */
  readonly model?: string;
  readonly messages: readonly ChatMessage[];
  readonly tools?: readonly ChatTool[];
  readonly tool_choice?: 'none' | 'required';
  readonly stream: true;
  readonly stream_options: { readonly include_usage: true };
  readonly max_tokens: number;
  readonly temperature?: number;
  readonly top_p?: number;
  readonly top_k?: number;
  readonly stop?: readonly string[];
};
