// The prompts of the conversations that go on, so that a pause can be used for them. In memory only, bounded, and
// never logged: they are what a person and their files said.

import type { Target } from '../../router/decision.ts';
import { type Chain, tokensOf } from '../../router/observation.ts';
import { sessionKey } from '../../router/sessions.ts';
import { keep } from '../../wire/bounded.ts';
import { nextSegment } from '../../wire/fingerprint.ts';
import type { Conversation } from '../../wire/message.ts';
import { withAnswer } from '../../wire/normalise.ts';
import type { Pass } from '../pass.ts';
import type { Plan } from '../plan.ts';

export type KeptPrompt = {
  readonly sessionId?: string;
  readonly agentId?: string;
  readonly turnId: string;
  readonly project?: string;
  /** Who answered it. */
  readonly backend: string;
  readonly model: string;
  readonly kind: 'main' | 'subagent';
  /** As it was sent, with the answer behind it where that is known exactly as the next request will hold it. */
  readonly conversation: Conversation;
  /** Of that conversation, the answer included. */
  readonly chain: Chain;
  /** Of that conversation: counted by the backend where it counts, else an estimate. */
  readonly promptTokens: number;
  /** The model has said all it had to say: a person comes next, not a tool. */
  readonly endsTurn: boolean;
  /** Unix epoch, milliseconds. */
  readonly endedAtMs: number;
};

/** The newest prompt of a project, from this daemon's own life or from the disk. */
/** What can be read again. */
export type Kept = Pick<KeptPrompt, 'conversation' | 'chain'>;

export type ProjectPrompt = KeptPrompt & {
  /** Who has answered prompts of the project, the newest first. */
  readonly backends: readonly string[];
  readonly source: 'served' | 'disk';
};

export type Prompts = {
  keep(prompt: KeptPrompt): void;
  /** What is known of a project from before this start; what was kept since knows better. */
  know(prompt: ProjectPrompt): void;
  /** Those that ended within the last hour, the newest first: one of each conversation. */
  active(nowMs: number): readonly KeptPrompt[];
  /** The newest main conversation of each project, the newest first. */
  projects(): readonly ProjectPrompt[];
};

export type PromptLimits = {
  readonly conversations: number;
  readonly projects: number;
  /** Tokens of all conversations together; some four bytes each. */
  readonly tokens: number;
};

const LIMITS: PromptLimits = { conversations: 32, projects: 16, tokens: 8_000_000 };
const ACTIVE_MS = 60 * 60_000;
const MOST_BACKENDS = 4;

export function createPrompts(limits: PromptLimits = LIMITS): Prompts {
  const conversations = new Map<string, KeptPrompt>();
  const projects = new Map<string, ProjectPrompt>();

  return {
    keep(prompt) {
      keep(conversations, limits.conversations, sessionKey(prompt), prompt);
      if (prompt.kind === 'main') {
        const project = prompt.project ?? '';
        keep(projects, limits.projects, project, ofProject(prompt, projects.get(project)));
      }
      bound(conversations, limits.tokens);
      bound(projects, limits.tokens);
    },
    know(prompt) {
      const project = prompt.project ?? '';
      if (!projects.has(project)) keep(projects, limits.projects, project, prompt);
    },
    active: (nowMs) =>
      [...conversations.values()].filter(({ endedAtMs }) => nowMs - endedAtMs < ACTIVE_MS).reverse(),
    projects: () => [...projects.values()].reverse(),
  };
}

function ofProject(prompt: KeptPrompt, before: ProjectPrompt | undefined): ProjectPrompt {
  const others = before?.backends.filter((backend) => backend !== prompt.backend) ?? [];
  const backends = [prompt.backend, ...others].slice(0, MOST_BACKENDS);
  return { ...prompt, backends, source: 'served' };
}

/** A subagent that has ended does not come back. */
export function mayGoOn({ kind, endsTurn }: KeptPrompt): boolean {
  return kind === 'main' || !endsTurn;
}

/** What was kept longest goes first; the newest stays, however long it is. */
function bound(prompts: Map<string, KeptPrompt>, tokens: number): void {
  let sum = [...prompts.values()].reduce((all, { promptTokens }) => all + promptTokens, 0);
  for (const [key, { promptTokens }] of prompts) {
    if (sum <= tokens || prompts.size === 1) return;
    prompts.delete(key);
    sum -= promptTokens;
  }
}

/** What an answered request leaves to be kept; undefined where no other request will follow from it. */
export function promptOf(
  { deps, admitted, tally }: Pass,
  plan: Plan,
  { backend, model }: Target,
): KeptPrompt | undefined {
  const { kind, caller } = admitted;
  if (kind !== 'main' && kind !== 'subagent') return undefined;
  const { conversation, chain } = answered(plan, tally);
  const { sessionId, agentId, project } = caller;
  const { promptTokens, outputTokens = 0 } = tally.usage ?? {};
  return {
    ...(sessionId !== undefined && { sessionId }),
    ...(agentId !== undefined && { agentId }),
    ...(project !== undefined && { project }),
    ...{ turnId: plan.turn.turnId, backend, model, kind, conversation, chain },
    promptTokens: Math.round(promptTokens === undefined ? tokensOf(chain) : promptTokens + outputTokens),
    endsTurn: !GOES_ON.has(tally.stopReason ?? ''),
    endedAtMs: deps.clock.wall(),
  };
}

function answered(
  { conversation, chain }: Plan,
  { answer, usage }: Pass['tally'],
): Pick<KeptPrompt, 'conversation' | 'chain'> {
  const whole = answer && withAnswer(conversation, answer);
  const said = whole?.messages.at(-1);
  if (whole === undefined || said === undefined) return { conversation, chain };
  const { hash, text } = nextSegment(chain.at(-1)?.hash ?? '', said);
  const tokens = usage?.outputTokens ?? Math.ceil(text.length / CHARS_PER_TOKEN);
  return { conversation: whole, chain: [...chain, { hash, tokens }] };
}

const CHARS_PER_TOKEN = 4;
/** After these the client comes back by itself. */
const GOES_ON: ReadonlySet<string> = new Set(['tool_use', 'pause_turn']);
