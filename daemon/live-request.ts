// One request as those see it who watch: made of its draft while it runs, of its outcome once it has ended.
// What is not known yet is absent.

import type { Decision, Task } from '../router/decision.ts';
import { decodeOfOutcome, tokensPerSecond } from '../router/decode.ts';
import { type CacheReport, type Ending, forecastOf, type Kind, type Outcome } from '../router/outcome.ts';
import { type Draft, whoSent } from './draft.ts';
import type { Tally } from './tally.ts';

export type LiveRequest = {
  readonly requestId: string;
  readonly sessionId?: string;
  readonly agentId?: string;
  readonly project?: string;
  readonly kind: Kind;
  readonly requestedModel: string;
  /** Unix epoch, milliseconds. */
  readonly startedAtMs: number;
  readonly phase: 'queued' | 'prefill' | 'writing' | 'ended';
  readonly task?: Task;
  /** 0.5 to 1. */
  readonly taskProbability?: number;
  /** Who answers, as far as it is decided: a backend, or `daemon`. */
  readonly backend?: string;
  readonly model?: string;
  /** A decision's reason, or `answered-here`, or `passthrough`. */
  readonly reason?: string;
  readonly detail?: string;
  readonly promptTokens?: number;
  /** `estimated` until the backend has told its own count. */
  readonly promptTokensBasis?: 'reported' | 'estimated';
  /** Of the backend that answers; absent once another one has failed before it. */
  readonly predictedTtftMs?: number;
  /** Of `totalTokens`, those prefilled by now; only where the backend tells. */
  readonly processedTokens?: number;
  /** What has to be computed, cached tokens left out. */
  readonly totalTokens?: number;
  readonly cachedTokens?: number;
  readonly cacheEvidence?: CacheReport['evidence'];
  /** To the first content, as everywhere; a tool call is held back until it is whole. */
  readonly ttftMs?: number;
  /** To the first token that the backend is known to have written: what a prediction is compared with. */
  readonly firstTokenMs?: number;
  readonly outputTokens?: number;
  readonly decodeTokensPerSecond?: number;
  readonly result?: Ending['result'];
  /** Why it failed or was refused. */
  readonly fault?: string;
  readonly message?: string;
  readonly durationMs?: number;
  /** Backends that were tried and left. */
  readonly attempts?: readonly { readonly backend: string; readonly fault: string }[];
  readonly cacheBreak?: { readonly cause: string; readonly detail: string; readonly lostTokens?: number };
};

export function requestInFlight(draft: Draft, tally: Tally): LiveRequest {
  const { known, requestId, startedAtMs, arrivedMs, attempts } = draft;
  const { decision, classification, estimatedPromptTokens, answeredBy } = known;
  const backend = answeredBy === 'daemon' ? undefined : answeredBy;
  const { firstContentAtMs, firstTokenAtMs, progress, usage } = tally;
  return {
    ...{ requestId, kind: known.kind, startedAtMs, requestedModel: shown(known.requestedModel) },
    ...given(whoSent(known.caller)),
    phase: phaseOf(draft, tally),
    ...taskFields(classification),
    ...decisionFields(decision, backend, attempts),
    ...given({ model: known.model, promptTokens: estimatedPromptTokens }),
    ...(estimatedPromptTokens !== undefined && { promptTokensBasis: 'estimated' }),
    ...given({ processedTokens: progress?.processed, totalTokens: progress?.total }),
    ...given({ cachedTokens: progress?.cachedTokens }),
    ...cacheFields(tally.cache),
    ...given({ ttftMs: since(arrivedMs, firstContentAtMs), firstTokenMs: since(arrivedMs, firstTokenAtMs) }),
    ...given({ outputTokens: usage?.outputTokens }),
    ...attemptFields(attempts),
  };
}

export function requestEnded(outcome: Outcome): LiveRequest {
  const { requestId, kind, requestedModel, startedAtMs, decision, ending, answeredBy } = outcome;
  const { sessionId, agentId, project, model, ttftMs, firstTokenMs, outputTokens, message } = outcome;
  const decode = decodeOfOutcome(outcome);
  return {
    ...{ requestId, kind, startedAtMs, requestedModel: shown(requestedModel), phase: 'ended' },
    ...given({ sessionId, agentId, project, model, ttftMs, firstTokenMs, outputTokens, message }),
    ...taskFields(outcome.classification),
    ...decisionFields(decision, answeredBy, outcome.attempts),
    ...(answeredBy === 'daemon' && ending.result === 'completed' && { reason: 'answered-here' }),
    ...cacheFields(outcome.cache),
    ...given({ decodeTokensPerSecond: decode && tokensPerSecond(decode) }),
    ...{ result: ending.result, durationMs: outcome.durationMs },
    ...given({ fault: faultOf(ending) }),
    ...attemptFields(outcome.attempts),
    ...breakField(outcome.cacheBreak),
  };
}

function breakField(found: Outcome['cacheBreak']): Pick<LiveRequest, 'cacheBreak'> {
  if (found === undefined) return {};
  const { cause, detail, lostTokens } = found;
  return { cacheBreak: { cause, detail, ...given({ lostTokens }) } };
}

function phaseOf({ phase }: Draft, { firstTokenAtMs, firstContentAtMs }: Tally): LiveRequest['phase'] {
  // A tool call is held back until it is whole: the model writes long before its first content is sent.
  if (phase === 'mid-stream' || firstTokenAtMs !== undefined || firstContentAtMs !== undefined)
    return 'writing';
  return phase === 'queued' ? 'queued' : 'prefill';
}

function taskFields(
  classification: Outcome['classification'],
): Pick<LiveRequest, 'task' | 'taskProbability'> {
  return classification ? { task: classification.task, taskProbability: classification.probability } : {};
}

function decisionFields(
  decision: Decision | undefined,
  backend: string | undefined,
  attempts: Outcome['attempts'],
): Pick<LiveRequest, 'backend' | 'reason' | 'detail' | 'predictedTtftMs'> {
  // Bytes passed on to the Claude API are the one thing that a backend answers undecided.
  const reason = backend === undefined || backend === 'daemon' ? undefined : 'passthrough';
  if (decision === undefined) return given({ backend, reason });
  const answeredBy = backend ?? decision.targets[0].backend;
  const expected = forecastOf({ decision, attempts, answeredBy });
  return given({
    backend: answeredBy,
    reason: decision.reason,
    detail: decision.detail,
    predictedTtftMs: expected && expected.ttftSeconds * 1000,
  });
}

function cacheFields(
  report: CacheReport,
): Pick<LiveRequest, 'promptTokens' | 'promptTokensBasis' | 'cachedTokens' | 'cacheEvidence'> {
  const { promptTokens, evidence } = report;
  return {
    ...(promptTokens !== undefined && { promptTokens, promptTokensBasis: 'reported' }),
    ...(evidence !== 'none' && { cachedTokens: report.cachedTokens, cacheEvidence: evidence }),
  };
}

function faultOf(ending: Ending): string | undefined {
  if (ending.result === 'failed') return ending.fault;
  return ending.result === 'refused' ? ending.refusal : undefined;
}

function attemptFields(attempts: Outcome['attempts']): Pick<LiveRequest, 'attempts'> {
  return attempts.length === 0
    ? {}
    : { attempts: attempts.map(({ backend, fault }) => ({ backend, fault })) };
}

function since(fromMs: number, toMs: number | undefined): number | undefined {
  return toMs === undefined ? undefined : toMs - fromMs;
}

function shown(text: string): string {
  return text.slice(0, LONGEST_TEXT);
}

type Given<Shape> = { readonly [Key in keyof Shape]?: Exclude<Shape[Key], undefined> };

/** Names and texts come from clients and servers: a hundred requests must not grow without bound. */
const LONGEST_TEXT = 300;

/** Without the keys whose value is not known, and with every text cut to a length that can be shown. */
function given<Shape extends object>(shape: Shape): Given<Shape> {
  const known = Object.entries(shape).filter(([, value]) => value !== undefined);
  const cut = known.map(([key, value]) => [key, typeof value === 'string' ? shown(value) : value]);
  // `fromEntries` forgets which keys there were.
  return Object.fromEntries(cut) as Given<Shape>;
}
