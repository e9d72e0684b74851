// What is known of a backend when a decision is made, and the locks that no preference opens.

import type { BackendName, PassedOver } from './decision.ts';
import type { Kind } from './outcome.ts';

/** An absent field is unknown, and a backend is not passed over for what is unknown of it. */
export type Candidate = {
  readonly name: BackendName;
  readonly model: string;
  readonly state: 'up' | 'unknown' | 'loading' | 'down';
  readonly isCloud: boolean;
  /** Tokens. */
  readonly contextWindow?: number;
  readonly supportsImages?: boolean;
  readonly supportsForcedTool?: boolean;
  readonly lastError?: string;
  /** For the sentence that says it is down. */
  readonly url?: string;
  readonly startCommand?: string;
  /** Why it should take no edits now, in one clause. Absent while it may. */
  readonly editsFailing?: string;
  /** Why no conversation should move to it now, in one clause: it comes and goes. Absent while it may. */
  readonly unsteady?: string;
  /** What it lacks for this very request, in one clause behind its name. */
  readonly lacks?: string;
  /** Why this request had better go elsewhere, in one clause: it would push a conversation out of the cache. */
  readonly crowding?: string;
  /** False where its server has no model in memory: the next request waits for it. */
  readonly isLoaded?: boolean;
};

export type Needs = {
  /** Estimate, in tokens. */
  readonly promptTokens: number;
  readonly images: boolean;
  /** The client insists on a tool call. */
  readonly forcedTool?: boolean;
};

/** Why the backend cannot take the request, with the figures; undefined where it can, or where that is unknown. */
export function unfit(candidate: Candidate, kind: Kind, needs: Needs): PassedOver | undefined {
  const { name: backend, contextWindow } = candidate;
  if (candidate.state === 'down') return { backend, why: 'down', detail: downSentence(candidate) };
  const missing = missingAbility(candidate, kind, needs);
  if (missing !== undefined) return { backend, why: 'unsupported', detail: `${backend} ${missing}` };
  if (contextWindow !== undefined && needs.promptTokens > contextWindow) {
    const figures = `the prompt has ${needs.promptTokens} tokens, its window holds ${contextWindow}`;
    return { backend, why: 'window', detail: `${backend} is too small: ${figures}` };
  }
  return undefined;
}

function missingAbility(candidate: Candidate, kind: Kind, needs: Needs): string | undefined {
  if (candidate.lacks !== undefined) return candidate.lacks;
  if (kind === 'web-search' && !candidate.isCloud) return 'cannot search the web';
  if (needs.images && candidate.supportsImages === false) return 'takes no images';
  if (needs.forcedTool && candidate.supportsForcedTool === false) return 'cannot be made to call a tool';
  return undefined;
}

function downSentence({ name, url, lastError, startCommand }: Candidate): string {
  const where = url === undefined ? '' : ` at ${url}`;
  const because = lastError === undefined ? '' : ` (${withoutAddress(lastError, name).replace(/\.$/, '')})`;
  const remedy = startCommand === undefined ? '' : `; start it with: ${startCommand}`;
  return `${name}${where} is down${because}${remedy}`;
}

/** An error of the backend's own begins with its name and address: for a sentence in which they stand already. */
export function withoutAddress(message: string, backend: string): string {
  return message.startsWith(backend) ? message.slice(backend.length).replace(/^ at \S+: /, '') : message;
}
