// Weights as text: written by the training, read at start-up. What does not fit is refused with the reason, and
// the fixed rules take over.

import { asFields, parseFields } from '../wire/fields.ts';
import {
  type ClassifierModel,
  checksum,
  featureFingerprint,
  type LinearModel,
  MODEL_NAMES,
  type ModelName,
} from './classifier-model.ts';

export type LoadedClassifier =
  | { readonly model: ClassifierModel }
  /** One clear sentence: what was wrong and what to do. */
  | { readonly refused: string };

const FORMAT = 1;
const RETRAIN = 'Train them again: npm run train:classifier -- FILE…';

type Packed = { readonly bias: number; readonly step: number; readonly weights: string };

/** Never throws. */
export function loadWeights(text: string): LoadedClassifier {
  const read = parseFields(text);
  if (read === undefined) return refused('are not JSON');
  if (read['format'] !== FORMAT) return refused(`have format ${String(read['format'])}, not ${FORMAT}`);
  const fingerprint = featureFingerprint();
  if (read['features'] !== fingerprint) {
    return refused(`were trained for features ${String(read['features'])}, but these are ${fingerprint}`);
  }
  if (read['checksum'] !== checksum(JSON.stringify(read['models'])))
    return refused('are damaged: wrong checksum');
  const models = MODEL_NAMES.map((name) => [name, linearModel(read['models'], name)] as const);
  const broken = models.find(([, model]) => model === undefined);
  if (broken) return refused(`are damaged: "${broken[0]}" is missing or has a wrong length`);
  return { model: Object.fromEntries(models) as ClassifierModel };
}

/** The text that `loadWeights` reads. */
export function packWeights(model: ClassifierModel): string {
  const models = Object.fromEntries(
    MODEL_NAMES.map((name) => {
      const { bias, step, weights } = model[name];
      return [name, { bias, step, weights: Buffer.from(weights).toString('base64') } satisfies Packed];
    }),
  );
  const sum = checksum(JSON.stringify(models));
  return JSON.stringify({ format: FORMAT, features: featureFingerprint(), checksum: sum, models });
}

function refused(what: string): LoadedClassifier {
  return { refused: `The classifier's weights ${what}; the fixed rules decide instead. ${RETRAIN}` };
}

function linearModel(models: unknown, name: ModelName): LinearModel | undefined {
  const { bias, step, weights } = asFields(asFields(models)?.[name]) ?? {};
  if (typeof bias !== 'number' || typeof step !== 'number' || typeof weights !== 'string') return undefined;
  const bytes = Int8Array.from(Buffer.from(weights, 'base64'));
  const isPowerOfTwo = bytes.length > 0 && (bytes.length & (bytes.length - 1)) === 0;
  return isPowerOfTwo ? { bias, step, weights: bytes } : undefined;
}
