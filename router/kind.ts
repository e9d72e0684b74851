// What sort of request this is. Claude Code's hint headers settle main, subagent and compaction where they are
// sent; the side calls are told by their shape, and by the shortest phrase that only they carry.

import type { Caller } from '../wire/caller.ts';
import type { Json, JsonObject, WireBlock, WireMessage, WireRequest } from '../wire/message.ts';
import type { Kind } from './outcome.ts';

const TITLE_MARKER = 'Generate a concise, sentence-case title';
const PLAN_NAME_MARKER = 'Generate a short kebab-case name';
const SAFETY_MARKER = 'You are a security monitor';
const COMPACT_MARKERS = ['CRITICAL: Respond with TEXT ONLY', 'create a detailed summary'];
const SUBAGENT_MARKER = 'cc_is_subagent=true';

// A marker stands at the start of its text; a whole system prompt of 140 kB is not searched for it.
const MARKER_WINDOW_CHARS = 400;

/** The kind of a readable request. Never `unreadable`: that is said by the one who could not parse it. */
export function kindOf(request: WireRequest, caller: Caller): Kind {
  // Before the headers: a search or a safety check may be made on behalf of a subagent and carry its headers.
  if (isWebSearch(request)) return 'web-search';
  if (isSafetyCheck(request)) return 'safety-check';
  return hintedKind(caller) ?? sideCall(request) ?? conversationKind(request, caller);
}

function hintedKind(caller: Caller): Kind | undefined {
  switch (caller.requestClass) {
    case 'main':
    case 'subagent':
      return caller.requestClass;
    case 'compaction':
      return 'compact';
    // These two only say that it is none of the above; the shape says what it is.
    case 'auxiliary':
    case 'other':
    case undefined:
      return undefined;
    default:
      return caller.requestClass satisfies never;
  }
}

function sideCall(request: WireRequest): Kind | undefined {
  if (request.maxTokens === 1 && !request.stream) return isQuotaProbe(request) ? 'quota-probe' : 'probe';
  if (request.tools.length > 0) return undefined;
  const keys = Object.keys(schemaProperties(request) ?? {});
  if (keys.includes('title') || systemStartsWith(request, TITLE_MARKER)) return 'title';
  if ((keys.length === 1 && keys[0] === 'name') || systemStartsWith(request, PLAN_NAME_MARKER))
    return 'plan-name';
  return undefined;
}

function conversationKind(request: WireRequest, caller: Caller): Kind {
  if (asksForSummary(request)) return 'compact';
  const isSubagent = caller.agentId !== undefined || systemStartsWith(request, SUBAGENT_MARKER);
  return isSubagent ? 'subagent' : 'main';
}

/** The properties of the JSON schema that the answer must have, where one was asked for. */
export function schemaProperties(request: WireRequest): JsonObject | undefined {
  const format = asObject(request.outputConfig?.['format']);
  if (format?.['type'] !== 'json_schema') return undefined;
  return asObject(asObject(format['schema'])?.['properties']);
}

/** True where the first characters of any system block hold the marker. */
export function systemStartsWith(request: WireRequest, marker: string): boolean {
  return request.system.some((block) => opening(block).includes(marker));
}

function isWebSearch(request: WireRequest): boolean {
  const [tool, ...others] = request.tools;
  const type = tool?.['type'];
  return others.length === 0 && typeof type === 'string' && type.startsWith('web_search_');
}

function isSafetyCheck(request: WireRequest): boolean {
  if (request.tools.length > 0) return false;
  const stopsAtSeverity = !request.stream && request.stopSequences.includes('</severity>');
  return stopsAtSeverity || systemStartsWith(request, SAFETY_MARKER);
}

function isQuotaProbe(request: WireRequest): boolean {
  const [message, ...others] = request.messages;
  if (message === undefined || others.length > 0 || request.tools.length > 0) return false;
  return lastText(message)?.trim() === 'quota';
}

// Only the last user message counts: after a compaction the summary itself, with the same phrases, opens the history.
function asksForSummary(request: WireRequest): boolean {
  const message = request.messages.findLast((each) => each.role === 'user');
  if (message === undefined) return false;
  const texts = typeof message.content === 'string' ? [message.content] : message.content.map(textOf);
  return texts.some((text) => COMPACT_MARKERS.every((marker) => text.includes(marker)));
}

function lastText(message: WireMessage): string | undefined {
  if (typeof message.content === 'string') return message.content;
  const block = message.content.findLast((each) => each.type === 'text');
  return block === undefined ? undefined : textOf(block);
}

function opening(block: WireBlock): string {
  return textOf(block).slice(0, MARKER_WINDOW_CHARS);
}

function textOf(block: WireBlock): string {
  const text = block['text'];
  return block.type === 'text' && typeof text === 'string' ? text : '';
}

function asObject(value: Json | undefined): JsonObject | undefined {
  return isObject(value) ? value : undefined;
}

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
