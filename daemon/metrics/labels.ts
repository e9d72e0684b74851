// The closed sets that labels come from. Every set that the configuration makes possible is written at 0 before
// the first request: rate() and alerts see the very first event, and a request can never add a series.

import { BREAK_CAUSES } from '../../router/breaks.ts';
import { CACHE_RESULTS } from '../../router/cache.ts';
import { CLASSIFY_REASONS, DECISION_REASONS } from '../../router/decision.ts';
import { PURPOSES, WARMUP_RESULTS } from '../../router/warmup.ts';
import type { Catalogue } from './catalogue.ts';
import { FALLBACK_REASONS } from './fallback-reason.ts';
import type { ModelLabels } from './model-label.ts';

const TASKS = ['analysis', 'edit'] as const;
export type RouteLabel = (typeof TASKS)[number] | 'passthrough' | 'daemon';

const OUTCOMES = [
  'ok',
  'client_abort',
  'upstream_error',
  'timeout',
  'invalid_request',
  'overloaded',
] as const;
export type OutcomeLabel = (typeof OUTCOMES)[number];

const TOKEN_CACHE = ['read', 'write', 'none', 'unknown'] as const;
const EVIDENCE = ['reported', 'progress', 'inferred'] as const;
const CONFIDENCE = ['high', 'low'] as const;
const SIDES = ['client', 'upstream', 'idle', 'daemon'] as const;
/** Who ended a stream that had begun; `idle`: nobody, it went silent. */
export type Side = (typeof SIDES)[number];

/** `total` has the other two in it, and what is neither. */
export const OVERHEAD_PHASES = ['classify', 'translate', 'total'] as const;

const CODES = [200, 400, 401, 403, 404, 413, 422, 429, 500, 502, 503, 504, 529];

/** The status as a label; `none` where no HTTP answer came. */
export function codeLabel(status: number | undefined): string {
  if (status === undefined) return 'none';
  return CODES.includes(status) ? String(status) : 'other';
}

export type LabelSources = {
  readonly backends: readonly string[];
  readonly claudeBackend: string;
  readonly models: ModelLabels;
};

/** Writes every label set that can occur at 0. */
export function initialise(catalogue: Catalogue, sources: LabelSources): void {
  initialiseRoutes(catalogue, sources);
  for (const backend of [...sources.backends, sources.claudeBackend]) {
    initialiseBackend(catalogue, backend);
    initialiseModels(catalogue, backend, sources.models);
  }
  for (const backend of sources.backends) {
    initialisePrediction(catalogue, backend);
    catalogue.queueWait.zero({ backend });
    for (const evidence of ['progress', 'inferred']) initialiseEvidence(catalogue, backend, evidence);
  }
  initialiseDecisions(catalogue, sources);
  for (const backend of sources.backends) initialiseWarmups(catalogue, backend);
  for (const phase of OVERHEAD_PHASES) catalogue.overhead.zero({ phase });
  catalogue.storeFlush.zero({});
}

function initialiseWarmups(catalogue: Catalogue, backend: string): void {
  for (const purpose of PURPOSES) {
    for (const result of WARMUP_RESULTS) catalogue.warmups.inc({ purpose, backend, result }, 0);
  }
  const { warmupTokens, warmupSeconds, warmupUsed, warmupWasted, warmupSaved } = catalogue;
  for (const metric of [warmupTokens, warmupSeconds, warmupUsed, warmupWasted, warmupSaved]) {
    metric.inc({ backend }, 0);
  }
  catalogue.warmupDuration.zero({ backend });
}

function initialiseModels(catalogue: Catalogue, backend: string, models: ModelLabels): void {
  for (const model of models.every(backend)) {
    for (const cache of TOKEN_CACHE) catalogue.inputTokens.inc({ backend, model, cache }, 0);
    catalogue.outputTokens.inc({ backend, model }, 0);
  }
}

/** Nothing is predicted for the Claude API, and its prompts are passed on unread. */
function initialisePrediction(catalogue: Catalogue, backend: string): void {
  for (const cause of BREAK_CAUSES) catalogue.cacheBreaks.inc({ backend, cause }, 0);
  catalogue.cacheBreakTokens.inc({ backend }, 0);
  catalogue.cacheBreakSeconds.inc({ backend }, 0);
  for (const evidence of EVIDENCE) catalogue.savedSeconds.inc({ backend, evidence }, 0);
  catalogue.ttftError.zero({ backend });
  catalogue.ttftExpected.inc({ backend }, 0);
  catalogue.ttftActual.inc({ backend }, 0);
}

function initialiseRoutes(catalogue: Catalogue, { backends, claudeBackend, models }: LabelSources): void {
  const answered = [
    ...backends.flatMap((backend) => TASKS.map((route) => ({ route, backend }))),
    { route: 'passthrough' as const, backend: claudeBackend },
  ];
  const here = { route: 'daemon' as const, backend: 'daemon' };
  const refused = TASKS.map((route) => ({ route, backend: 'daemon' }));
  for (const labels of [...answered, here, ...refused]) {
    for (const model of models.every(labels.backend)) {
      for (const outcome of OUTCOMES) catalogue.requests.inc({ ...labels, model, outcome }, 0);
    }
  }
  for (const labels of [...answered, here]) catalogue.duration.zero(labels);
  for (const labels of answered) catalogue.tokenTime.zero(labels);
}

function initialiseBackend(catalogue: Catalogue, backend: string): void {
  for (const cache of CACHE_RESULTS) catalogue.ttft.zero({ backend, cache });
  for (const result of ['valid', 'invalid']) catalogue.toolCalls.inc({ backend, result }, 0);
  for (const side of SIDES) catalogue.interruptions.inc({ backend, side }, 0);
  for (const code of [...CODES.map(String), 'other', 'none']) catalogue.responses.inc({ backend, code }, 0);
  for (const reason of DECISION_REASONS) catalogue.decisions.inc({ backend, reason }, 0);
  catalogue.uncachedPrompt.zero({ backend });
  initialiseCache(catalogue, backend);
}

/** Without evidence nothing but `unknown` can be said. With it a report of an empty prompt is unknown, too. */
function initialiseCache(catalogue: Catalogue, backend: string): void {
  catalogue.cacheRequests.inc({ backend, result: 'unknown', evidence: 'none' }, 0);
  initialiseEvidence(catalogue, backend, 'reported');
}

/** The Claude API reports; only a local server's cache is read from its progress, or guessed. */
function initialiseEvidence(catalogue: Catalogue, backend: string, evidence: string): void {
  for (const result of CACHE_RESULTS) catalogue.cacheRequests.inc({ backend, result, evidence }, 0);
}

function initialiseDecisions(catalogue: Catalogue, { backends, claudeBackend }: LabelSources): void {
  for (const route of TASKS) {
    for (const rule of CLASSIFY_REASONS) {
      for (const confidence of CONFIDENCE) catalogue.classifications.inc({ route, rule, confidence }, 0);
    }
  }
  // Nobody takes over from the Claude API: where it is asked first, its answer passes as it is.
  for (const from of backends) {
    for (const to of [...backends, claudeBackend]) {
      if (to === from) continue;
      for (const reason of FALLBACK_REASONS) catalogue.fallbacks.inc({ from, to, reason }, 0);
    }
  }
}
