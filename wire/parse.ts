// The edge: JSON → WireRequest. Behind it a request is trusted. Keys that are not known are let through,
// for a newer client may send them and the Claude API may want them.

import { WireError } from './error.ts';
import {
  expectArray,
  expectBoolean,
  expectFilled,
  expectNumber,
  expectObject,
  expectOneOf,
  expectPositive,
  expectString,
  expectWhole,
  optional,
  unexpected,
} from './expect.ts';
import { asFields, type Fields, parseFields } from './fields.ts';
import type { JsonObject, WireBlock, WireMessage, WireRequest, WireTool } from './message.ts';

/**
 * The body of /v1/messages or /v1/messages/count_tokens. Throws WireError 400 that names the key, what it was
 * and what is allowed.
 */
export function parseRequest(value: unknown): WireRequest {
  const body = asFields(value) ?? unexpected('The request body', value, 'a JSON object');
  const messages = parseMessages(body['messages']);
  const stops = optional('stop_sequences', body['stop_sequences'], expectArray) ?? [];
  return {
    model: expectFilled('model', body['model']),
    messages,
    system: parseSystem(body['system']),
    tools: (optional('tools', body['tools'], expectArray) ?? []).map(parseTool),
    stream: optional('stream', body['stream'], expectBoolean) ?? false,
    stopSequences: stops.map((stop, at) => expectString(`stop_sequences[${at}]`, stop)),
    hasSafeguards: body['safeguards'] !== undefined && body['safeguards'] !== null,
    ...parseOptions(body),
  };
}

type Options = Partial<WireRequest>;

function parseOptions(body: Fields): Options {
  const outputConfig = optional('output_config', body['output_config'], expectObject);
  return present<Options>({
    maxTokens: optional('max_tokens', body['max_tokens'], expectPositive),
    temperature: optional('temperature', body['temperature'], expectNumber),
    topP: optional('top_p', body['top_p'], expectNumber),
    topK: optional('top_k', body['top_k'], expectWhole),
    toolChoice: optional('tool_choice', body['tool_choice'], parseToolChoice),
    outputConfig: outputConfig as JsonObject | undefined,
    metadataSessionId: sessionIdIn(body['metadata']),
    routeOverride: optional('anyclaude_route', body['anyclaude_route'], expectString),
  });
}

function present<T extends object>(fields: { readonly [K in keyof T]: T[K] | undefined }): T {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as T;
}

function parseToolChoice(key: string, value: unknown): JsonObject {
  const choice = expectObject(key, value);
  const type = expectOneOf(`${key}.type`, choice['type'], ['auto', 'any', 'tool', 'none']);
  if (type === 'tool') expectFilled(`${key}.name`, choice['name']);
  return choice as JsonObject;
}

/** Claude Code puts JSON into this string. Other clients put an opaque id there, which says nothing of a session. */
function sessionIdIn(metadata: unknown): string | undefined {
  const userId = asFields(metadata)?.['user_id'];
  const sessionId = typeof userId === 'string' ? parseFields(userId)?.['session_id'] : undefined;
  return typeof sessionId === 'string' && sessionId !== '' ? sessionId : undefined;
}

function parseSystem(value: unknown): readonly WireBlock[] {
  if (value === undefined || value === null) return [];
  if (typeof value === 'string') return [{ type: 'text', text: value }];
  if (!Array.isArray(value)) unexpected('system', value, 'a string or an array of text blocks');
  return parseBlocks('system', value);
}

function parseMessages(value: unknown): readonly WireMessage[] {
  const messages = expectArray('messages', value).map(parseMessage);
  if (messages.length === 0) throw new WireError('messages is empty; it must hold at least one message.');
  if (!messages.some(saysSomething)) {
    throw new WireError('messages holds no content; at least one message must say something.');
  }
  return messages;
}

function parseMessage(value: unknown, at: number): WireMessage {
  const key = `messages[${at}]`;
  const message = expectObject(key, value);
  const role = expectOneOf(`${key}.role`, message['role'], ['user', 'assistant', 'system']);
  const content = message['content'];
  if (typeof content === 'string') return { role, content };
  if (!Array.isArray(content))
    unexpected(`${key}.content`, content, 'a string or an array of content blocks');
  return { role, content: parseBlocks(`${key}.content`, content) };
}

function saysSomething({ content }: WireMessage): boolean {
  if (typeof content === 'string') return content !== '';
  return content.some(({ type, text }) => !type.endsWith('thinking') && !(type === 'text' && text === ''));
}

function parseBlocks(key: string, blocks: readonly unknown[]): readonly WireBlock[] {
  blocks.forEach((block, at) => {
    checkBlock(`${key}[${at}]`, block);
  });
  return blocks as readonly WireBlock[];
}

/** Kinds that are not known are accepted: the normaliser says in words that it left them out. */
function checkBlock(key: string, value: unknown): void {
  const block = expectObject(key, value);
  switch (expectString(`${key}.type`, block['type'])) {
    case 'text':
      expectString(`${key}.text`, block['text']);
      break;
    case 'tool_use':
      expectFilled(`${key}.id`, block['id']);
      expectFilled(`${key}.name`, block['name']);
      expectObject(`${key}.input`, block['input']);
      break;
    case 'tool_result':
      expectFilled(`${key}.tool_use_id`, block['tool_use_id']);
      optional(`${key}.is_error`, block['is_error'], expectBoolean);
      optional(`${key}.content`, block['content'], checkResultContent);
      break;
    case 'tool_reference':
      expectFilled(`${key}.tool_name`, block['tool_name']);
      break;
    case 'image':
      checkImageSource(`${key}.source`, block['source']);
      break;
  }
}

function checkResultContent(key: string, content: unknown): void {
  if (typeof content === 'string') return;
  if (!Array.isArray(content)) unexpected(key, content, 'a string or an array of content blocks');
  parseBlocks(key, content);
}

function checkImageSource(key: string, value: unknown): void {
  const source = expectObject(key, value);
  if (expectString(`${key}.type`, source['type']) !== 'base64') return;
  expectFilled(`${key}.media_type`, source['media_type']);
  expectFilled(`${key}.data`, source['data']);
}

function parseTool(value: unknown, at: number): WireTool {
  const key = `tools[${at}]`;
  const tool = expectObject(key, value);
  const type = optional(`${key}.type`, tool['type'], expectString) ?? 'custom';
  // A server's tool; not all of them have a name.
  if (type !== 'custom') return { ...tool, name: type, ...namedBy(tool) } as WireTool;
  expectFilled(`${key}.name`, tool['name']);
  optional(`${key}.description`, tool['description'], expectString);
  expectObject(`${key}.input_schema`, tool['input_schema']);
  return tool as WireTool;
}

function namedBy({ name }: Fields): { name?: string } {
  return typeof name === 'string' ? { name } : {};
}
