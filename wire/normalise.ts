// WireRequest → Conversation: the same request without anything that moves from one request to the next, so that
// a model server's prompt cache sees each request as the continuation of the one before.
//
// Append-only by design: what stands before a completed assistant turn is never rendered anew, because every
// step here looks only at what was received up to that place. Nothing that a person, a tool or the client said
// is lost; only what serves the Claude API (markers, signatures, budgets, the billing block) goes.

import type { ContentBlock } from './frame.ts';
import type {
  AssistantMessage,
  Conversation,
  ImagePart,
  JsonObject,
  Message,
  TextPart,
  ToolChoice,
  ToolResultPart,
  ToolUsePart,
  UserMessage,
  WireBlock,
  WireMessage,
  WireRequest,
} from './message.ts';
import { arrangeOpening, asReminder, splitGitStatus } from './opening.ts';
import { createToolShelf, type ToolShelf } from './tool-shelf.ts';

/**
 * For the rare request without max_tokens, which the Messages API would refuse: enough for an edit or a long
 * answer, and not the 512 tokens at which mlx_lm.server cuts by itself.
 */
const DEFAULT_MAX_TOKENS = 4096;
const BILLING_LINE = /^\s*x-anthropic-billing-header:[^\n]*\n*/i;

type UserPart = UserMessage['parts'][number];
type AssistantPart = AssistantMessage['parts'][number];

/** Same input, same bytes. Expects what parseRequest returned; never throws on it. */
export function normalise(request: WireRequest): Conversation {
  const shelf = createToolShelf(request.tools);
  const turns = mergeTurns(request.messages, shelf);
  const { system, gitStatus } = splitGitStatus(systemTexts(request.system));
  const messages = arrangeOpening(withAnsweredResults(turns), gitStatus);
  return {
    system: system.join('\n\n'),
    ...shelf.take(),
    messages,
    maxTokens: request.maxTokens ?? DEFAULT_MAX_TOKENS,
    ...(request.temperature === undefined ? {} : { temperature: request.temperature }),
    ...(request.topP === undefined ? {} : { topP: request.topP }),
    ...(request.topK === undefined ? {} : { topK: request.topK }),
    stopSequences: request.stopSequences,
    toolChoice: toToolChoice(request.toolChoice),
    hasImages: messages.some(showsImage),
  };
}

/**
 * The conversation with an answer behind it, as the client's next request will hold it; undefined where nothing of the
 * answer will be there, or where it goes on with the assistant's own words.
 */
export function withAnswer(
  conversation: Conversation,
  content: readonly ContentBlock[],
): Conversation | undefined {
  const parts = content.flatMap(assistantParts);
  if (parts.length === 0 || conversation.messages.at(-1)?.role === 'assistant') return undefined;
  return { ...conversation, messages: [...conversation.messages, { role: 'assistant', parts }] };
}

/** Without the billing block: it holds a hash that differs for each session, and stands before everything else. */
function systemTexts(blocks: readonly WireBlock[]): readonly string[] {
  return blocks.map((block) => textOf(block).replace(BILLING_LINE, '')).filter((text) => text !== '');
}

/** Roles alternate afterwards. Turns that have nothing left, like a lone thinking block, are gone. */
function mergeTurns(messages: readonly WireMessage[], shelf: ToolShelf): Message[] {
  const turns: { role: Message['role']; parts: (UserPart | AssistantPart)[] }[] = [];
  for (const message of messages) {
    const role = message.role === 'assistant' ? 'assistant' : 'user';
    const parts = partsOf(message, shelf);
    const last = turns.at(-1);
    if (parts.length === 0) continue;
    if (last?.role === role) last.parts.push(...parts);
    else turns.push({ role, parts: [...parts] });
  }
  return turns as Message[];
}

function partsOf({ role, content }: WireMessage, shelf: ToolShelf): readonly (UserPart | AssistantPart)[] {
  const blocks: readonly WireBlock[] =
    typeof content === 'string' ? [{ type: 'text', text: content }] : content;
  switch (role) {
    case 'user':
      return blocks.flatMap((block) => userParts(block, shelf));
    case 'assistant':
      return blocks.flatMap(assistantParts);
    case 'system':
      // Most chat templates take a system message at the front only. Hoisting it there would change the front of
      // the prompt with every turn, so it stays where it stands, in the words of the user's side.
      return blocks.flatMap(shownParts).map((part) => (part.kind === 'text' ? asReminder(part.text) : part));
    default:
      return role satisfies never;
  }
}

function userParts(block: WireBlock, shelf: ToolShelf): readonly UserPart[] {
  return block.type === 'tool_result' ? [toToolResult(block, shelf)] : shownParts(block);
}

function assistantParts(block: WireBlock): readonly AssistantPart[] {
  switch (block.type) {
    case 'thinking':
    case 'redacted_thinking':
      return [];
    case 'tool_use':
      return [toToolUse(block)];
    default:
      return shownParts(block).filter((part) => part.kind === 'text');
  }
}

function shownParts(block: WireBlock): readonly (TextPart | ImagePart)[] {
  switch (block.type) {
    case 'text':
      return textParts(textOf(block));
    case 'image':
      return [toImage(block)];
    case 'document':
      return textParts(documentText(block));
    default:
      return textParts(
        `[A block of the type ${block.type} was left out: only text and images can be shown here.]`,
      );
  }
}

function textParts(text: string): readonly TextPart[] {
  return text === '' ? [] : [{ kind: 'text', text }];
}

/** An address is never handed on: a model server would fetch it from where it stands. */
function toImage(block: WireBlock): TextPart | ImagePart {
  const source = asObject(block['source']);
  if (source?.['type'] === 'base64') {
    return { kind: 'image', mediaType: String(source['media_type']), base64: String(source['data']) };
  }
  return {
    kind: 'text',
    text: '[An image was left out: only its address was given, and it is not fetched.]',
  };
}

function documentText(block: WireBlock): string {
  const source = asObject(block['source']);
  const data = source?.['data'];
  if (source?.['type'] === 'text' && typeof data === 'string') return data;
  return '[A document was left out: it can not be shown to this model.]';
}

function toToolUse(block: WireBlock): ToolUsePart {
  const input = asObject(block['input']) ?? {};
  return { kind: 'tool-use', id: String(block['id']), name: String(block['name']), input };
}

function toToolResult(block: WireBlock, shelf: ToolShelf): ToolResultPart {
  const content = block['content'];
  const blocks = Array.isArray(content) ? (content as readonly WireBlock[]) : [];
  return {
    kind: 'tool-result',
    toolUseId: String(block['tool_use_id']),
    isError: block['is_error'] === true,
    content:
      typeof content === 'string' ? textParts(content) : blocks.flatMap((each) => resultParts(each, shelf)),
  };
}

function resultParts(block: WireBlock, shelf: ToolShelf): readonly (TextPart | ImagePart)[] {
  if (block.type !== 'tool_reference') return shownParts(block);
  return textParts(shelf.load(String(block['tool_name'])));
}

/**
 * A result whose call is not in the turn before it (cut away by a compaction) becomes plain text: many chat
 * templates fail on a result that answers nothing.
 */
function withAnsweredResults(turns: readonly Message[]): readonly Message[] {
  return turns.map((turn, at) => {
    if (turn.role !== 'user') return turn;
    const asked = callIds(turns[at - 1]);
    const isOrphan = (part: UserPart) => part.kind === 'tool-result' && !asked.has(part.toolUseId);
    if (!turn.parts.some(isOrphan)) return turn;
    return {
      role: 'user',
      parts: turn.parts.flatMap((part) => (isOrphan(part) ? asPlainParts(part) : [part])),
    };
  });
}

function callIds(turn: Message | undefined): ReadonlySet<string> {
  if (turn?.role !== 'assistant') return new Set();
  return new Set(turn.parts.flatMap((part) => (part.kind === 'tool-use' ? [part.id] : [])));
}

function asPlainParts(part: UserPart): readonly UserPart[] {
  if (part.kind !== 'tool-result') return [part];
  return [{ kind: 'text', text: '[The result of an earlier tool call:]' }, ...part.content];
}

function toToolChoice(choice: JsonObject | undefined): ToolChoice {
  switch (choice?.['type']) {
    case 'any':
      return { kind: 'any' };
    case 'none':
      return { kind: 'none' };
    case 'tool':
      return { kind: 'tool', name: String(choice['name']) };
    default:
      return { kind: 'auto' };
  }
}

function showsImage({ parts }: Message): boolean {
  return parts.some((part) => {
    if (part.kind === 'tool-result') return part.content.some(({ kind }) => kind === 'image');
    return part.kind === 'image';
  });
}

function textOf({ text }: WireBlock): string {
  return typeof text === 'string' ? text : '';
}

function asObject(value: unknown): JsonObject | undefined {
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
  return isObject ? (value as JsonObject) : undefined;
}
