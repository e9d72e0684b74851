// One request of a prefill: sent like any other, with one token to write, and its figures told to memory.

import { randomUUID } from 'node:crypto';
import { BackendError, type Received } from '../../backend/backend.ts';
import type { Reader } from '../../backend/slot-choice.ts';
import { leavesPrefill } from '../../router/catch-up.ts';
import { type Chain, tokensOf } from '../../router/observation.ts';
import { segments } from '../../wire/fingerprint.ts';
import type { Conversation } from '../../wire/message.ts';
import type { Deps } from '../deps.ts';
import type { Member } from '../fleet.ts';
import { createTally, type Tally } from '../tally.ts';

export type StepDeps = Pick<Deps, 'fleet' | 'memory' | 'estimator' | 'clock'>;

export type Step = {
  readonly member: Member;
  readonly model: string;
  readonly front: Conversation;
  readonly reader?: Reader;
  /** Another step builds on it. */
  readonly isStep: boolean;
  /** Expected to be computed; where the server says that it is far more, its cache has lost what was believed. */
  readonly uncachedTokens: number;
};

export type StepReport = {
  /** `lost`: the server has not got what was believed, and was not made to compute it all. */
  readonly result: 'done' | 'lost';
  /** As the backend counts. */
  readonly promptTokens?: number;
  readonly cachedTokens?: number;
  readonly seconds: number;
};

const NOTHING_RECEIVED: Received = {
  method: 'POST',
  path: '/v1/messages',
  headers: {},
  body: Buffer.alloc(0),
};
/** One token may be none that can be shown: what counts is that the prompt was read. */
const ENDS_WITHOUT_WORDS: ReadonlySet<string> = new Set(['empty', 'bad-tool-call']);
const FAR_MORE = 2;
const FAR_MORE_TOKENS = 512;

/** Rejects with the signal's reason, or with BackendError. */
export async function sendStep(deps: StepDeps, step: Step, signal: AbortSignal): Promise<StepReport> {
  const { memory, clock, fleet } = deps;
  const chain = chainOf(step.front, step.model, deps);
  const watch: Watch = { deps, step, chain, tally: createTally(), startedMs: clock.now(), wasTaken: false };
  const id = `prefill_${watch.startedMs}`;
  const { seconds } = memory.speed(step.member.name).ttft({ uncached: step.uncachedTokens, cached: 0 });
  memory.began(step.member.name, { id, prefillSeconds: seconds, decodeSeconds: 0 }, clock.wall());
  try {
    const result = await watchStep(watch, signal);
    if (result === 'done') fleet.succeeded(step.member.name);
    const seconds = (clock.now() - watch.startedMs) / 1000;
    return { result, seconds, ...(result === 'done' && tell(watch)) };
  } catch (error) {
    if (signal.aborted) tellAborted(watch);
    throw error;
  } finally {
    memory.landed(step.member.name, id);
  }
}

export function chainOf(
  conversation: Conversation,
  model: string,
  { estimator }: Pick<Deps, 'estimator'>,
): Chain {
  const parts = segments(conversation);
  const tokens = estimator.estimateEach(model, parts);
  return parts.map(({ hash }, at) => ({ hash, tokens: tokens[at] ?? 0 }));
}

/** No two prompts alike: an exact repeat has killed a server before. It is the end of the prompt, and stays cold. */
export function tailOf(): string {
  return `(${randomUUID().slice(0, 8)})`;
}

type Watch = {
  readonly deps: StepDeps;
  readonly step: Step;
  readonly chain: Chain;
  readonly tally: Tally;
  readonly startedMs: number;
  wasTaken: boolean;
  queueMs?: number;
};

async function watchStep(watch: Watch, signal: AbortSignal): Promise<StepReport['result']> {
  const { step, deps, tally, chain } = watch;
  const { member, model, front, reader } = step;
  const mayLeave = leavesPrefill(deps.memory.serverOf(member.name).flavour);
  try {
    const opened = await member.backend.open(
      {
        conversation: forOneToken(front),
        received: NOTHING_RECEIVED,
        model,
        requestedModel: model,
        ...(reader && { reader }),
        promptTokens: Math.round(tokensOf(chain)),
      },
      signal,
    );
    watch.wasTaken = true;
    watch.queueMs = opened.queueMs;
    for await (const item of opened.items) {
      tally.see(item, deps.clock.now());
      if (mayLeave && isLost(tally, step)) return 'lost';
    }
  } catch (error) {
    if (signal.aborted || !(error instanceof BackendError)) throw error;
    if (!ENDS_WITHOUT_WORDS.has(error.detail.fault)) throw error;
  }
  return 'done';
}

/** Nothing but the prompt matters. A choice of tools would change the tools that the server is shown. */
function forOneToken(front: Conversation): Conversation {
  return { ...front, maxTokens: 1, stopSequences: [], callable: [], toolChoice: { kind: 'auto' } };
}

function isLost({ progress }: Tally, { uncachedTokens }: Step): boolean {
  return progress !== undefined && progress.total > FAR_MORE * uncachedTokens + FAR_MORE_TOKENS;
}

function tell({
  deps,
  step,
  chain,
  tally,
  startedMs,
  queueMs = 0,
}: Watch): Pick<StepReport, 'promptTokens' | 'cachedTokens'> {
  const { cache, firstTokenAtMs, usage } = tally;
  const reported = cache.evidence === 'none' ? undefined : cache.cachedTokens;
  const inferred = deps.memory.observe(
    {
      backend: step.member.name,
      chain,
      ending: 'completed',
      purpose: 'catch-up',
      isStep: step.isStep,
      queueMs,
      ttftMs: Math.max(0, (firstTokenAtMs ?? deps.clock.now()) - startedMs - queueMs),
      ...(cache.promptTokens !== undefined && { promptTokens: cache.promptTokens }),
      ...(reported !== undefined && { cachedTokens: reported }),
      ...(usage?.outputTokens !== undefined && { outputTokens: usage.outputTokens }),
    },
    deps.clock.wall(),
  );
  const cachedTokens = reported ?? inferred?.cachedTokens;
  return {
    ...(cache.promptTokens !== undefined && { promptTokens: cache.promptTokens }),
    ...(cachedTokens !== undefined && { cachedTokens }),
  };
}

/** llama.cpp does not notice in mid-prefill that nobody waits: it goes on to the end and keeps the result. */
function tellAborted({ deps, step, chain, wasTaken }: Watch): void {
  const { name: backend } = step.member;
  if (!wasTaken || deps.memory.serverOf(backend).flavour !== 'llama.cpp') return;
  const observation = { backend, chain, ending: 'completed', purpose: 'catch-up', isStep: true } as const;
  deps.memory.observe(observation, deps.clock.wall());
}
