// Conversation → chat-completions request. What a turn renders to depends on that turn alone, so a continuation
// renders to an extension of its beginning: same tools, and the earlier messages first.

import type {
  ChatImagePart,
  ChatMessage,
  ChatRequest,
  ChatTextPart,
  ChatTool,
  ChatToolCall,
} from './chat.ts';
import type {
  AssistantMessage,
  Conversation,
  ImagePart,
  TextPart,
  Tool,
  ToolResultPart,
  UserMessage,
} from './message.ts';
import { jsonOf, oncePer } from './once-per.ts';

export type ChatOptions = {
  /** Absent: no model is named. */
  readonly model?: string;
  readonly flattenSystemPrompt: 'keep' | 'flatten';
  /** `note`: the backend takes text only, and a sentence stands for each image. */
  readonly images: 'send' | 'note';
  /** `omit`: the backend ignores or rejects `tool_choice`. */
  readonly toolChoice: 'send' | 'omit';
};

const PARAGRAPH = '\n\n';
const NO_IMAGES = '[An image was left out: this model takes text only.]';
const IMAGE_BELOW = '[The image follows in the next message.]';

/** Pure; the same conversation and options give the same bytes under JSON.stringify. */
export function toChat(conversation: Conversation, options: ChatOptions): ChatRequest {
  const { system, messages, maxTokens } = conversation;
  const opening: ChatMessage[] =
    system === '' ? [] : [{ role: 'system', content: systemText(system, options) }];
  const turns = messages.flatMap((message) => {
    return message.role === 'user' ? userMessages(message, options) : [assistantMessage(message)];
  });
  return {
    ...(options.model === undefined ? {} : { model: options.model }),
    messages: [...opening, ...turns],
    ...toolFields(conversation, options),
    stream: true,
    stream_options: { include_usage: true },
    max_tokens: maxTokens,
    ...sampling(conversation),
  };
}

/** The body of a request, with what else a server may want in it. */
export function chatJson({ tools, ...request }: ChatRequest & Readonly<Record<string, unknown>>): string {
  const text = JSON.stringify(request);
  return tools === undefined ? text : `${text.slice(0, -1)},"tools":[${tools.map(jsonOf).join(',')}]}`;
}

function systemText(system: string, { flattenSystemPrompt }: ChatOptions): string {
  if (flattenSystemPrompt === 'keep') return system;
  const lines = system.split('\n').map((line) => line.trim());
  return lines.filter((line) => line !== '').join(' ');
}

/** Out of range values make mlx_lm.server refuse, or drop the connection. */
function sampling({ temperature, topP, topK, stopSequences }: Conversation): Partial<ChatRequest> {
  const stop = stopSequences.filter((text) => text !== '');
  return {
    ...(temperature === undefined ? {} : { temperature: Math.max(0, temperature) }),
    ...(topP === undefined ? {} : { top_p: Math.min(1, Math.max(0, topP)) }),
    ...(topK === undefined || topK < 1 ? {} : { top_k: topK }),
    ...(stop.length === 0 ? {} : { stop }),
  };
}

// ---- Tools --------------------------------------------------------------------------------------------

/**
 * A named tool is asked for as `required` with no other tool in sight: LM Studio rejects the object form, and
 * mlx_lm.server knows no tool_choice at all. That costs the warm prefix, for a request that Claude Code's main loop
 * never makes. For the same reason `none` takes the tools away where it can not be said.
 */
function toolFields({ tools, toolChoice }: Conversation, options: ChatOptions): Partial<ChatRequest> {
  if (tools.length === 0) return {};
  const isSent = options.toolChoice === 'send';
  const all = { tools: tools.map(toChatTool) };
  switch (toolChoice.kind) {
    case 'auto':
      return all;
    case 'none':
      return isSent ? { ...all, tool_choice: 'none' } : {};
    case 'any':
      return isSent ? { ...all, tool_choice: 'required' } : all;
    case 'tool': {
      const named = tools.filter(({ name }) => name === toolChoice.name).map(toChatTool);
      const only = named.length === 0 ? all : { tools: named };
      return isSent ? { ...only, tool_choice: 'required' } : only;
    }
    default:
      return toolChoice satisfies never;
  }
}

/** The same tool gives the same object: its JSON is written once. */
const toChatTool = oncePer(
  ({ name, description, inputSchema }: Tool): ChatTool => ({
    type: 'function',
    function: { name, description, parameters: inputSchema },
  }),
);

// ---- Turns --------------------------------------------------------------------------------------------

function assistantMessage({ parts }: AssistantMessage): ChatMessage {
  const content = parts.flatMap((part) => (part.kind === 'text' ? [part.text] : [])).join(PARAGRAPH);
  const calls = parts.flatMap((part): ChatToolCall[] => {
    if (part.kind !== 'tool-use') return [];
    return [
      { id: part.id, type: 'function', function: { name: part.name, arguments: JSON.stringify(part.input) } },
    ];
  });
  return { role: 'assistant', content, ...(calls.length === 0 ? {} : { tool_calls: calls }) };
}

/** Results first, each in a message of its own: templates want them right behind the calls. */
function userMessages({ parts }: UserMessage, options: ChatOptions): readonly ChatMessage[] {
  const results = parts.filter((part) => part.kind === 'tool-result');
  const said = parts.filter((part) => part.kind !== 'tool-result');
  const images = options.images === 'send' ? results.flatMap(({ content }) => content.filter(isImage)) : [];
  const shown = [...images, ...said];
  const user: ChatMessage[] =
    shown.length === 0 ? [] : [{ role: 'user', content: userContent(shown, options) }];
  return [...results.map((result) => toolMessage(result, options)), ...user];
}

function userContent(
  parts: readonly (TextPart | ImagePart)[],
  options: ChatOptions,
): string | readonly (ChatTextPart | ChatImagePart)[] {
  if (options.images === 'note' || !parts.some(isImage)) {
    return parts.map((part) => (part.kind === 'text' ? part.text : NO_IMAGES)).join(PARAGRAPH);
  }
  return parts.map((part) => (part.kind === 'text' ? { type: 'text', text: part.text } : imagePart(part)));
}

function imagePart({ mediaType, base64 }: ImagePart): ChatImagePart {
  return { type: 'image_url', image_url: { url: `data:${mediaType};base64,${base64}` } };
}

/** The dialect has no flag for a failed call, so it is said in words. */
function toolMessage({ toolUseId, isError, content }: ToolResultPart, options: ChatOptions): ChatMessage {
  const image = options.images === 'send' ? IMAGE_BELOW : NO_IMAGES;
  const text = content.map((part) => (part.kind === 'text' ? part.text : image)).join(PARAGRAPH);
  return { role: 'tool', tool_call_id: toolUseId, content: isError ? `Error: ${text}` : text };
}

function isImage(part: TextPart | ImagePart): part is ImagePart {
  return part.kind === 'image';
}
