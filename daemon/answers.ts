// The requests that never take a model's cache slot: the daemon answers them itself, with what can honestly be
// said without a model. What cannot be, a safety verdict above all, is refused and never made up.

import { schemaProperties } from '../router/kind.ts';
import type { Kind } from '../router/outcome.ts';
import { promptIn } from '../router/prompt.ts';
import { WireError } from '../wire/error.ts';
import type { Frame, StopReason } from '../wire/frame.ts';
import type { JsonObject, WireMessage, WireRequest } from '../wire/message.ts';
import { toKebabName, toTitle } from './title.ts';

export type Unanswered = { readonly kind: Kind; readonly request: WireRequest };
export type AnswerNote = {
  readonly requestId: string;
  /** Estimate. Probes that stand in for a token count read it from the answer's usage. */
  readonly inputTokens?: number;
};

type Saying = { readonly text: string; readonly stopReason: StopReason };

/**
 * A whole answer, message_start to message_stop; undefined where a model has to give it. Throws WireError for
 * a safety check.
 */
export function answerLocally(asked: Unanswered, note: AnswerNote): readonly Frame[] | undefined {
  const saying = sayingFor(asked);
  return saying && toFrames(saying, asked.request.model, note);
}

function sayingFor({ kind, request }: Unanswered): Saying | undefined {
  switch (kind) {
    case 'title':
    case 'plan-name':
      return { text: JSON.stringify(naming(kind, request)), stopReason: 'end_turn' };
    case 'quota-probe':
    case 'probe':
      return { text: 'OK', stopReason: 'max_tokens' };
    case 'web-search':
      return { text: NO_SEARCH, stopReason: 'end_turn' };
    case 'safety-check':
      throw new WireError(NO_VERDICT, 400);
    case 'main':
    case 'subagent':
    case 'compact':
    case 'unreadable':
      return undefined;
    default:
      return kind satisfies never;
  }
}

const NO_SEARCH =
  'Nothing was searched: this gateway answers from a local model server, which cannot search the web. ' +
  'Do not repeat the search. Fetch a known address instead, use a search tool of an MCP server, or ask the user ' +
  'to run this session on the route "claude".';

// Whatever is said here would be taken for the verdict of a model that has looked at the command.
const NO_VERDICT =
  'anyclaude gives no safety verdict for auto mode, because no model that can judge it has seen the action: ' +
  'choose another permission mode, for example claude --permission-mode acceptEdits.';

function naming(kind: 'title' | 'plan-name', request: WireRequest): JsonObject {
  const words = userText(request.messages);
  const properties = schemaProperties(request) ?? { [kind === 'title' ? 'title' : 'name']: {} };
  return Object.fromEntries(
    Object.entries(properties).map(([key]) => [key, key === 'title' ? toTitle(words) : toKebabName(words)]),
  );
}

function userText(messages: readonly WireMessage[]): string {
  const message = messages.find(({ role }) => role === 'user');
  if (message === undefined) return '';
  const { content } = message;
  const texts = typeof content === 'string' ? [content] : content.map(({ text }) => text);
  return texts.flatMap((text) => (typeof text === 'string' ? (promptIn(text) ?? []) : [])).join('\n');
}

function toFrames({ text, stopReason }: Saying, model: string, note: AnswerNote): readonly Frame[] {
  const { requestId, inputTokens } = note;
  const usage = inputTokens === undefined ? {} : { input_tokens: inputTokens };
  const message = {
    id: `msg_${requestId}`,
    type: 'message' as const,
    role: 'assistant' as const,
    model,
    content: [],
    stop_reason: null,
    stop_sequence: null,
    usage: { ...usage, output_tokens: 0 },
  };
  return [
    { type: 'message_start', message },
    { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } },
    { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text } },
    { type: 'content_block_stop', index: 0 },
    {
      type: 'message_delta',
      delta: { stop_reason: stopReason, stop_sequence: null },
      usage: { ...usage, output_tokens: outputTokens(text) },
    },
    { type: 'message_stop' },
  ];
}

// No tokenizer has seen this text: about four characters a token, as for English prose.
function outputTokens(text: string): number {
  return Math.ceil(text.length / 4);
}
