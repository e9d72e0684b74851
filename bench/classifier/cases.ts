// Moments as rows of numbers, made once and used by every fold.

import { bucketFor } from '../../router/classifier-model.ts';
import { type Feature, turnFeatures } from '../../router/features.ts';
import type { TurnEvidence } from '../../router/turn.ts';
import type { TraceSession } from '../routing/trace-file.ts';
import type { SparseRow } from './logistic.ts';
import { type Moment, momentsOf } from './moments.ts';

export const PROMPT_BUCKETS = 2 ** 15;
export const PROGRESS_BUCKETS = 2 ** 11;

// What teaches the model to fall back to the context: each prompt once more in letters that nobody has seen, and
// once more without its text. Light, for they only have to say what is left when the words say nothing.
const UNKNOWN_WORDS_WEIGHT = 0.25;
const NO_WORDS_WEIGHT = 0.1;

export type SessionCases = {
  readonly prompts: readonly PromptCase[];
  readonly calls: readonly CallCase[];
};
export type PromptCase = { readonly row: SparseRow; readonly copies: readonly SparseRow[] };
/** `opening`: what is known of its turn without the tools. */
export type CallCase = { readonly moment: Moment; readonly opening: SparseRow };

export function casesOf(session: TraceSession, sessionId: string): SessionCases {
  const moments = momentsOf(session, sessionId);
  const openings = new Map<string, SparseRow>();
  const opening = (moment: Moment): SparseRow => {
    const { turnId, promptText } = moment.evidence;
    const key = `${turnId} ${promptText === undefined}`;
    const known = openings.get(key) ?? promptRow(moment.evidence, moment.isEdit, 1);
    openings.set(key, known);
    return known;
  };
  return {
    prompts: moments
      .filter(({ at }) => at === 'prompt')
      .map((moment, index) => ({ row: opening(moment), copies: copiesOf(moment, `${sessionId}/${index}`) })),
    calls: moments.filter(({ at }) => at === 'call').map((moment) => ({ moment, opening: opening(moment) })),
  };
}

function copiesOf({ evidence, isEdit }: Moment, seed: string): readonly SparseRow[] {
  const { promptText, ...wordless } = evidence;
  const unknown = { ...evidence, promptText: inUnknownLetters(promptText ?? '', seed) };
  return [promptRow(unknown, isEdit, UNKNOWN_WORDS_WEIGHT), promptRow(wordless, isEdit, NO_WORDS_WEIGHT)];
}

/** Marks, digits and lengths stay; every letter becomes one of another script. Deterministic. */
export function inUnknownLetters(text: string, seed: string): string {
  return text.replace(/\p{L}/gu, (letter) =>
    String.fromCharCode(0x4e00 + bucketFor(`${seed} ${letter.toLowerCase()}`, 2 ** 14)),
  );
}

function promptRow(evidence: TurnEvidence, isEdit: boolean, weight: number): SparseRow {
  return sparseRow(turnFeatures(evidence), { isEdit, weight, size: PROMPT_BUCKETS });
}

export function sparseRow(
  features: readonly Feature[],
  { isEdit, weight, size }: { readonly isEdit: boolean; readonly weight: number; readonly size: number },
): SparseRow {
  const sums = new Map<number, number>();
  for (const { name, value } of features) {
    const bucket = bucketFor(name, size);
    sums.set(bucket, (sums.get(bucket) ?? 0) + value);
  }
  return { buckets: Int32Array.from(sums.keys()), values: Float64Array.from(sums.values()), isEdit, weight };
}
