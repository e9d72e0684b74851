// Conversation → Messages request, for local servers that speak that dialect and for counting. As in to-chat.ts, a
// turn renders by itself, so that a continuation extends its beginning.

import type {
  Conversation,
  ImagePart,
  JsonObject,
  Message,
  TextPart,
  ToolChoice,
  ToolResultPart,
  ToolUsePart,
} from './message.ts';

export type MessagesRequest = {
  readonly model: string;
  readonly max_tokens: number;
  readonly stream: true;
  readonly system?: string;
  readonly tools?: readonly {
    readonly name: string;
    readonly description: string;
    readonly input_schema: JsonObject;
  }[];
  readonly tool_choice?: ToolChoiceField;
  readonly messages: readonly { readonly role: Message['role']; readonly content: readonly Block[] }[];
  readonly temperature?: number;
  readonly top_p?: number;
  readonly top_k?: number;
  readonly stop_sequences?: readonly string[];
};

type Text = { readonly type: 'text'; readonly text: string };
type Image = {
  readonly type: 'image';
  readonly source: { readonly type: 'base64'; readonly media_type: string; readonly data: string };
};
type Block =
  | Text
  | Image
  | { readonly type: 'tool_use'; readonly id: string; readonly name: string; readonly input: JsonObject }
  | {
      readonly type: 'tool_result';
      readonly tool_use_id: string;
      readonly is_error?: true;
      readonly content: readonly (Text | Image)[];
    };
type ToolChoiceField = { readonly type: 'none' | 'any' } | { readonly type: 'tool'; readonly name: string };

export type MessagesOptions = { readonly model: string };

/** Pure; the same conversation and model give the same bytes under JSON.stringify. */
export function toMessages(conversation: Conversation, { model }: MessagesOptions): MessagesRequest {
  const { system, tools, messages, maxTokens, temperature, topP, topK } = conversation;
  const stop = conversation.stopSequences.filter((text) => text !== '');
  const choice = toToolChoice(conversation.toolChoice);
  return {
    model,
    max_tokens: maxTokens,
    stream: true,
    ...(system === '' ? {} : { system }),
    ...(tools.length === 0 ? {} : { tools: tools.map(toTool) }),
    ...(choice && tools.length > 0 ? { tool_choice: choice } : {}),
    messages: messages.map(({ role, parts }) => ({ role, content: parts.map(toBlock) })),
    ...(temperature === undefined ? {} : { temperature: Math.max(0, temperature) }),
    ...(topP === undefined ? {} : { top_p: Math.min(1, Math.max(0, topP)) }),
    ...(topK === undefined || topK < 1 ? {} : { top_k: topK }),
    ...(stop.length === 0 ? {} : { stop_sequences: stop }),
  };
}

function toTool({ name, description, inputSchema }: Conversation['tools'][number]) {
  return { name, description, input_schema: inputSchema };
}

/** `auto` is what a server does anyway. */
function toToolChoice(choice: ToolChoice): ToolChoiceField | undefined {
  switch (choice.kind) {
    case 'auto':
      return undefined;
    case 'none':
    case 'any':
      return { type: choice.kind };
    case 'tool':
      return { type: 'tool', name: choice.name };
    default:
      return choice satisfies never;
  }
}

function toBlock(part: TextPart | ImagePart | ToolUsePart | ToolResultPart): Block {
  switch (part.kind) {
    case 'text':
    case 'image':
      return toContent(part);
    case 'tool-use':
      return { type: 'tool_use', id: part.id, name: part.name, input: part.input };
    case 'tool-result':
      return {
        type: 'tool_result',
        tool_use_id: part.toolUseId,
        ...(part.isError ? { is_error: true } : {}),
        content: part.content.map(toContent),
      };
    default:
      return part satisfies never;
  }
}

function toContent(part: TextPart | ImagePart): Text | Image {
  if (part.kind === 'text') return { type: 'text', text: part.text };
  return { type: 'image', source: { type: 'base64', media_type: part.mediaType, data: part.base64 } };
}
