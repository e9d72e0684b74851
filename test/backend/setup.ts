// What the backend tests share: a conversation, a backend on a fake server, and an answer read to its end.

import assert from 'node:assert/strict';
import {
  type Backend,
  BackendError,
  type BackendStatus,
  type Opened,
  type OpenRequest,
  type Received,
} from '../../backend/backend.ts';
import { createGate, type Gate } from '../../backend/gate.ts';
import type { Budgets } from '../../backend/stream.ts';
import type { Fault } from '../../wire/error.ts';
import { createFold, type FoldedMessage } from '../../wire/fold.ts';
import type { Frame, StreamItem } from '../../wire/frame.ts';
import type { Conversation } from '../../wire/message.ts';

export const CANARY = 'sk-ant-CANARY-0001';

export const CONVERSATION: Conversation = {
  system: 'You help with a small program.\nIt is about wells.',
  tools: [
    {
      name: 'Edit',
      description: 'Changes a file',
      inputSchema: { type: 'object', properties: { path: { type: 'string' } } },
    },
  ],
  messages: [{ role: 'user', parts: [{ kind: 'text', text: 'Where is the kettle filled?' }] }],
  callable: ['Edit'],
  maxTokens: 1000,
  stopSequences: [],
  toolChoice: { kind: 'auto' },
  hasImages: false,
};

/** Oddly written on purpose: only bytes that are passed on unread stay like this. */
export const RECEIVED: Received = {
  method: 'POST',
  path: '/v1/messages?beta=true',
  headers: {
    host: '127.0.0.1:4784',
    'content-type': 'application/json',
    'content-length': '99',
    'x-api-key': CANARY,
    authorization: `Bearer ${CANARY}`,
    'anthropic-version': '2023-06-01',
  },
  body: Buffer.from('{ "model":"claude-x",\n\t"stream" : true, "messages":[ ], "n":1.0, "é":"\\u00e9" }'),
};

export function request(changes: Partial<OpenRequest> = {}): OpenRequest {
  return {
    conversation: CONVERSATION,
    received: RECEIVED,
    model: 'default_model',
    requestedModel: 'claude-anyclaude',
    promptTokens: 40,
    ...changes,
  };
}

export const PATIENT: Budgets = { firstTokenMs: () => 60_000, idleMs: 60_000, loadMs: 60_000 };

export function optionsFor(
  url: string,
  changes: {
    readonly gate?: Gate;
    readonly budgets?: Budgets;
    readonly status?: BackendStatus;
    readonly apiKey?: string;
    readonly flattenSystemPrompt?: 'keep' | 'flatten';
  } = {},
) {
  const { gate = gateOf(1), budgets = PATIENT, status = { state: 'up' as const }, ...rest } = changes;
  return {
    name: 'local',
    url,
    flattenSystemPrompt: 'keep' as const,
    ...rest,
    gate,
    budgets,
    status: (): BackendStatus => status,
  };
}

export function gateOf(maxConcurrent: number, maxQueued = 32): Gate {
  return createGate({ backend: 'local', maxConcurrent, maxQueued });
}

export const never = (): AbortSignal => new AbortController().signal;

export type Read = { readonly items: StreamItem[]; readonly message: FoldedMessage | undefined };

export async function readAll(opened: Opened): Promise<Read> {
  const items: StreamItem[] = [];
  const fold = createFold();
  for await (const item of opened.items) {
    items.push(item);
    if (isFrame(item)) fold.add(item);
  }
  return { items, message: fold.message() };
}

export async function answer(backend: Backend, asked = request(), signal = never()): Promise<Read> {
  return readAll(await backend.open(asked, signal));
}

export function isFrame(item: StreamItem): item is Frame {
  return item.type !== 'progress' && item.type !== 'usage' && item.type !== 'alive';
}

/** Fails unless the promise rejects with a BackendError of this fault; gives the error. */
export async function faultOf(promise: Promise<unknown>, ...faults: readonly Fault[]): Promise<BackendError> {
  try {
    await promise;
  } catch (error) {
    assert.ok(error instanceof BackendError, `a BackendError, not ${String(error)}`);
    assert.ok(faults.includes(error.detail.fault), `${error.detail.fault}: ${error.message}`);
    return error;
  }
  throw new assert.AssertionError({ message: `expected ${faults.join(' or ')}, but it succeeded` });
}
