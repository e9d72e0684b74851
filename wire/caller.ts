// Who sent the request, as far as its headers and body say: every field is absent where the client did not say.

import type { IncomingHttpHeaders } from 'node:http';
import type { WireMessage, WireRequest } from './message.ts';

/** Claude Code's own class of a request, sent with CLAUDE_CODE_GATEWAY_HINT_HEADERS=1. */
export type RequestClass = 'main' | 'subagent' | 'compaction' | 'auxiliary' | 'other';

export type Caller = {
  readonly sessionId?: string;
  readonly agentId?: string;
  readonly agentType?: string;
  /** `x-claude-code-prompt-id`: one per user turn. */
  readonly promptId?: string;
  readonly requestClass?: RequestClass;
  readonly project?: string;
  readonly routeOverride?: string;
  readonly userAgent?: string;
};

/** What `run` and `env` give a client that has no credentials of its own; it opens nothing. */
export const PLACEHOLDER_CREDENTIAL = 'anyclaude-local';

const MAX_CHARS = 200;
/** The working directory stands near the front of a session; later text may quote somebody else's. */
const FRONT_MESSAGES = 4;
const FRONT_CHARS = 64_000;
const DIRECTORY_WORDS = 'orking directory';

/** Never throws. Each value is printable and has at most 200 characters, whatever was sent. */
export function readCaller(headers: IncomingHttpHeaders, request?: WireRequest): Caller {
  const read = (name: string) => printable(headers[name]);
  const fields = {
    sessionId: read('x-claude-code-session-id') ?? printable(request?.metadataSessionId),
    agentId: read('x-claude-code-agent-id'),
    agentType: read('x-claude-code-agent-type'),
    promptId: read('x-claude-code-prompt-id'),
    requestClass: readClass(read('x-claude-code-request-class'), read('x-claude-1p-request-class')),
    project: read('x-anyclaude-project') ?? printable(request && workingDirectory(request)),
    routeOverride: read('x-anyclaude-route'),
    userAgent: read('user-agent'),
  };
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

function printable(value: string | readonly string[] | undefined): string | undefined {
  if (typeof value !== 'string') return undefined;
  const text = value.slice(0, 2 * MAX_CHARS).replace(/[\p{C}\p{Zl}\p{Zp}]/gu, '');
  return text.trim().slice(0, MAX_CHARS) || undefined;
}

/** The second header is used only where it is plain; its other values are left to the shape of the request. */
function readClass(hint: string | undefined, firstParty: string | undefined): RequestClass | undefined {
  switch (hint) {
    case 'main':
    case 'subagent':
    case 'compaction':
    case 'auxiliary':
      return hint;
    case undefined:
      if (firstParty === 'main') return 'main';
      return firstParty?.endsWith('subagent') ? 'subagent' : undefined;
    default:
      return 'other';
  }
}

/** Claude Code writes it into a role:"system" message, and up to 2.1.197 into the system prompt. */
function workingDirectory({ system, messages }: WireRequest): string | undefined {
  for (const text of frontTexts(system, messages)) {
    const at = text.slice(0, FRONT_CHARS).indexOf(DIRECTORY_WORDS);
    if (at === -1) continue;
    const line = text.slice(at + DIRECTORY_WORDS.length, at + 3 * MAX_CHARS);
    const found = /^[^:\n]{0,40}:[ \t]*([^\n]+)/.exec(line)?.[1];
    if (found !== undefined) return found;
  }
  return undefined;
}

function* frontTexts(system: WireRequest['system'], messages: readonly WireMessage[]): Iterable<string> {
  const front = messages.slice(0, FRONT_MESSAGES).filter(({ role }) => role === 'system');
  for (const content of [...front.map(({ content }) => content), system]) {
    if (typeof content === 'string') yield content;
    else for (const { text } of content) if (typeof text === 'string') yield text;
  }
}
