// The beginning of a conversation, cut at any place: what a model server reads of it is, up to the cut, what it will
// read of the whole. So a long prompt can be computed in several short requests that build on each other.

import type {
  AssistantMessage,
  Conversation,
  ImagePart,
  Json,
  JsonObject,
  Message,
  TextPart,
  Tool,
  ToolResultPart,
  UserMessage,
} from './message.ts';

export type FrontOptions = {
  /** Tokens of each segment of the conversation, as `segments` cuts it. */
  readonly segmentTokens: readonly number[];
  /** Where to cut, in the same tokens; from their sum on everything is taken. */
  readonly tokens: number;
  /** What stands behind the cut where chat templates want a user's word there; best a short one. */
  readonly tail: string;
};

type Part = TextPart | ImagePart | ToolResultPart | AssistantMessage['parts'][number];

/** A request of its own: it ends with a user's message, and each tool call in it is answered. */
export function frontOf(
  conversation: Conversation,
  { segmentTokens, tokens, tail }: FrontOptions,
): Conversation {
  const share = sharesOf(segmentTokens, tokens);
  const tools = firstTools(conversation.tools, share(1));
  const messages = firstMessages(conversation.messages, (at) => share(2 + at));
  return {
    ...conversation,
    system: firstChars(conversation.system, share(0)),
    tools,
    messages: closed(messages, tail),
  };
}

/** Of tokens: sums of fractions are not exact. */
const ROUNDING = 0.001;

/** How much of each segment stands before the cut, 0 to 1. */
function sharesOf(segmentTokens: readonly number[], tokens: number): (at: number) => number {
  let left = tokens;
  const shares = segmentTokens.map((own) => {
    const share = left + ROUNDING >= own ? 1 : Math.max(0, left / own);
    left -= own;
    return share;
  });
  return (at) => shares[at] ?? (left >= 0 ? 1 : 0);
}

// ---- System and tools ---------------------------------------------------------------------------------

function firstChars(text: string, share: number): string {
  if (share >= 1) return text;
  const cut = text.slice(0, Math.floor(text.length * share));
  // Half a surrogate pair is another character.
  return /[\uD800-\uDBFF]$/.test(cut) ? cut.slice(0, -1) : cut;
}

function firstTools(tools: readonly Tool[], share: number): readonly Tool[] {
  if (share >= 1) return tools;
  let left = share * JSON.stringify(tools).length;
  const first: Tool[] = [];
  for (const tool of tools) {
    const size = JSON.stringify(tool).length;
    if (left < size) {
      const cut = cutTool(tool, left);
      return cut === undefined ? first : [...first, cut];
    }
    first.push(tool);
    left -= size;
  }
  return first;
}

function cutTool({ name, description, inputSchema }: Tool, chars: number): Tool | undefined {
  const left = chars - name.length - description.length;
  if (chars <= name.length) return undefined;
  if (left <= 0) {
    const share = (chars - name.length) / description.length;
    return { name, description: firstChars(description, share), inputSchema: {} };
  }
  return { name, description, inputSchema: cutObject(inputSchema, left) };
}

/** Its first keys, in their order, the last one cut in itself. */
function cutObject(object: JsonObject, chars: number): JsonObject {
  const kept: Record<string, Json> = {};
  let left = chars;
  for (const [key, value] of Object.entries(object)) {
    const size = key.length + JSON.stringify(value).length;
    if (size <= left) kept[key] = value;
    else {
      const cut = cutJson(value, left - key.length);
      if (cut !== undefined) kept[key] = cut;
      return kept;
    }
    left -= size;
  }
  return kept;
}

/** Undefined where it cannot be cut: it is left out as a whole. */
function cutJson(value: Json, chars: number): Json | undefined {
  if (chars <= 0) return undefined;
  if (typeof value === 'string') return firstChars(value, chars / value.length);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  return cutObject(value as JsonObject, chars);
}

// ---- Messages -----------------------------------------------------------------------------------------

/** Each part of the first message is a segment of its own. */
function firstMessages(messages: readonly Message[], share: (at: number) => number): readonly Message[] {
  const [opening, ...rest] = messages;
  if (opening === undefined) return [];
  const parts = (opening.parts as readonly Part[]).flatMap((part, at) => cutPart(part, share(at)) ?? []);
  if (parts.length === 0) return [];
  const first = [withParts(opening, parts)];
  for (const [at, message] of rest.entries()) {
    const cut = cutMessage(message, share(opening.parts.length + at));
    if (cut === undefined) return first;
    first.push(cut);
  }
  return first;
}

function cutMessage(message: Message, share: number): Message | undefined {
  if (share >= 1) return message;
  const parts = inReadingOrder(message);
  let left = share * parts.reduce((sum, part) => sum + sizeOf(part), 0);
  const first: Part[] = [];
  for (const part of parts) {
    const size = sizeOf(part);
    const cut = cutPart(part, size === 0 ? 1 : left / size);
    if (cut !== undefined) first.push(cut);
    left -= size;
    if (left <= 0) break;
  }
  return first.length === 0 ? undefined : withParts(message, first);
}

/** The results of tools are told before the words that came with them, and words before calls. */
function inReadingOrder({ parts }: Message): readonly Part[] {
  const rank = ({ kind }: Part) => (kind === 'tool-result' ? 0 : kind === 'tool-use' ? 2 : 1);
  return (parts as readonly Part[]).toSorted((a, b) => rank(a) - rank(b));
}

function withParts({ role }: Message, parts: readonly Part[]): Message {
  return { role, parts } as Message;
}

function sizeOf(part: Part): number {
  switch (part.kind) {
    case 'text':
      return part.text.length;
    case 'tool-use':
      return part.name.length + JSON.stringify(part.input).length;
    case 'tool-result':
      return part.content.reduce((sum, each) => sum + sizeOf(each), 0);
    case 'image':
      return IMAGE_CHARS;
    default:
      return part satisfies never;
  }
}

/** Some thousand tokens, whatever its file weighs. */
const IMAGE_CHARS = 4000;

/** Undefined where nothing of it stands before the cut. */
function cutPart(part: Part, share: number): Part | undefined {
  if (share >= 1) return part;
  if (share <= 0) return undefined;
  switch (part.kind) {
    case 'text': {
      const text = firstChars(part.text, share);
      return text === '' ? undefined : { ...part, text };
    }
    case 'tool-use':
      return { ...part, input: cutObject(part.input, share * sizeOf(part) - part.name.length) };
    case 'tool-result':
      return { ...part, content: cutContent(part.content, share * sizeOf(part)) };
    case 'image':
      return undefined;
    default:
      return part satisfies never;
  }
}

function cutContent(content: ToolResultPart['content'], chars: number): ToolResultPart['content'] {
  const kept: (TextPart | ImagePart)[] = [];
  let left = chars;
  for (const part of content) {
    const size = sizeOf(part);
    if (part.kind === 'image' && size > left) break;
    kept.push(part.kind === 'text' ? { ...part, text: firstChars(part.text, left / size) } : part);
    left -= size;
    if (left <= 0) break;
  }
  return kept;
}

// ---- The end ------------------------------------------------------------------------------------------

/** Many templates want a user's word at the end, and fail on a call without its result. */
function closed(messages: readonly Message[], tail: string): readonly Message[] {
  const said: TextPart = { kind: 'text', text: tail };
  const last = messages.at(-1);
  const before = messages.at(-2);
  if (last === undefined) return [{ role: 'user', parts: [said] }];
  if (last.role === 'assistant') {
    const results = unanswered(last, undefined, said);
    return [...messages, { role: 'user', parts: results.length > 0 ? results : [said] }];
  }
  const missing = before?.role === 'assistant' ? unanswered(before, last, said) : [];
  if (missing.length === 0) return messages;
  return [...messages.slice(0, -1), { role: 'user', parts: [...last.parts, ...missing] }];
}

function unanswered(
  { parts }: AssistantMessage,
  answer: UserMessage | undefined,
  said: TextPart,
): readonly ToolResultPart[] {
  const answered = new Set(
    answer?.parts.flatMap((part) => (part.kind === 'tool-result' ? [part.toolUseId] : [])),
  );
  return parts.flatMap((part): ToolResultPart[] =>
    part.kind !== 'tool-use' || answered.has(part.id)
      ? []
      : [{ kind: 'tool-result', toolUseId: part.id, isError: false, content: [said] }],
  );
}
