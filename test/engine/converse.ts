// A conversation with a real engine through a Backend, as the daemon would have it.

import { createAnthropicBackend } from '../../backend/anthropic.ts';
import type { Backend, BackendErrorDetail, BackendStatus } from '../../backend/backend.ts';
import { BackendError } from '../../backend/backend.ts';
import { createChatBackend } from '../../backend/chat.ts';
import type { Gate } from '../../backend/gate.ts';
import { createFold, type FoldedMessage } from '../../wire/fold.ts';
import type { ProgressNote, StreamItem, UsageNote } from '../../wire/frame.ts';
import type { Conversation, JsonObject, Message, Tool } from '../../wire/message.ts';

export type Reply = {
  readonly message: FoldedMessage;
  readonly usage: Omit<UsageNote, 'type'>;
  readonly progress: readonly ProgressNote[];
};

export type BackendOptions = {
  readonly url: string;
  readonly flavour: NonNullable<BackendStatus['flavour']>;
  readonly gate: Gate;
};

export function chatBackend({ url, flavour, gate }: BackendOptions): Backend {
  return createChatBackend({ ...settings(url, flavour, gate), flattenSystemPrompt: 'keep' });
}

export function messagesBackend({ url, flavour, gate }: BackendOptions): Backend {
  return createAnthropicBackend(settings(url, flavour, gate));
}

function settings(url: string, flavour: BackendOptions['flavour'], gate: Gate) {
  const budgets = { firstTokenMs: () => 60_000, idleMs: 60_000, loadMs: 60_000 };
  return { name: flavour, url, gate, budgets, status: (): BackendStatus => ({ state: 'up', flavour }) };
}

/** Called with every item; what it throws ends the reading, as a client that leaves would. */
export type OnItem = (item: StreamItem) => void;

/** The whole answer, or what the backend rejected or threw. */
export async function converse(
  backend: Backend,
  asked: Conversation,
  how: Partial<Manner> = {},
): Promise<Reply> {
  const { model = 'default_model', signal = new AbortController().signal, onItem = () => {} } = how;
  const fold = createFold();
  const progress: ProgressNote[] = [];
  let usage = {};
  const { items } = await backend.open(openRequest(asked, model), signal);
  how.onOpen?.();
  for await (const item of items) {
    if (item.type === 'usage') usage = { ...usage, ...item };
    else if (item.type === 'progress') progress.push(item);
    else if (item.type !== 'alive') fold.add(item);
    onItem(item);
  }
  const message = fold.message();
  if (!message) throw new Error('The items ended without message_stop.');
  return { message, usage, progress };
}

type Manner = {
  /** Default: what mlx_lm.server calls its only model. */
  readonly model: string;
  readonly signal: AbortSignal;
  /** The server has accepted the request. */
  readonly onOpen: () => void;
  readonly onItem: OnItem;
};

/** The BackendError that a promise ends with; any other ending is thrown. */
export async function failure(promise: Promise<unknown>): Promise<BackendErrorDetail> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof BackendError) return error.detail;
    throw error;
  }
  throw new Error('A BackendError was expected, but it succeeded.');
}

export function conversation(messages: readonly Message[], more: Partial<Conversation> = {}): Conversation {
  const { tools = [] } = more;
  return {
    system: 'You are a coding agent.',
    tools,
    messages,
    callable: tools.map(({ name }) => name),
    maxTokens: 48,
    temperature: 0,
    stopSequences: [],
    toolChoice: { kind: 'auto' },
    hasImages: false,
    ...more,
  };
}

export function asks(text: string): Message {
  return { role: 'user', parts: [{ kind: 'text', text }] };
}

export function calls(id: string, name: string, input: JsonObject): Message {
  return { role: 'assistant', parts: [{ kind: 'tool-use', id, name, input }] };
}

export function results(toolUseId: string, text: string): Message {
  return {
    role: 'user',
    parts: [{ kind: 'tool-result', toolUseId, isError: false, content: [{ kind: 'text', text }] }],
  };
}

export const readFileTool: Tool = {
  name: 'Read',
  description: 'Reads a file',
  inputSchema: { type: 'object', properties: { file_path: { type: 'string' } }, required: ['file_path'] },
};

export function textOf({ message }: Reply): string {
  return message.content.map((block) => (block.type === 'text' ? block.text : '')).join('');
}

function openRequest(asked: Conversation, model: string) {
  const received = { method: 'POST', path: '/v1/messages', headers: {}, body: Buffer.alloc(0) };
  return { conversation: asked, received, model, requestedModel: 'claude-anyclaude', promptTokens: 1000 };
}
