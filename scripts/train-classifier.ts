// `npm run train:classifier -- FILE…`: trains the classifier on recorded sessions, says what it is worth on
// sessions that it has not seen, and writes router/classifier-weights.ts. Same files, same bytes.

import { writeFileSync } from 'node:fs';
import { casesOf } from '../bench/classifier/cases.ts';
import { type Evaluation, evaluate, type Judged } from '../bench/classifier/evaluate.ts';
import { fitClassifier } from '../bench/classifier/fit.ts';
import { readTraceFiles } from '../bench/routing/trace-file.ts';
import { packWeights } from '../router/weights.ts';

const TARGET = new URL('../router/classifier-weights.ts', import.meta.url);
const HEAD = '// Written by `npm run train:classifier`; not for hands.';

process.exitCode = main(process.argv.slice(2));

function main(paths: readonly string[]): number {
  if (paths.length === 0) return fail('Name at least one trace file: npm run train:classifier -- FILE…');
  const { sessions, complaints, unread } = readTraceFiles(paths);
  for (const complaint of complaints) console.error(complaint);
  if (unread.length > 0)
    return fail(`Nothing was written, for ${unread.join(' and ')} would be missing from it.`);
  const model = fitClassifier(sessions.map((session, index) => casesOf(session, String(index))));
  if (model === undefined) return fail('These files hold too few prompts to train on (50 are the least).');
  print(evaluate(sessions), sessions.length);
  const repos = [...new Set(sessions.map(({ repo }) => repo))].sort();
  writeFileSync(TARGET, moduleOf(packWeights(model), repos));
  console.log('\nWritten: router/classifier-weights.ts');
  return 0;
}

function moduleOf(weights: string, repos: readonly string[]): string {
  const trainedOn = repos.map(quoted).join(', ');
  return `${HEAD}

/** Repositories whose sessions these weights have seen. */
export const TRAINED_ON: readonly string[] = [${trainedOn}];

export const CLASSIFIER_WEIGHTS =
  '${weights}';
`;
}

function quoted(text: string): string {
  return `'${JSON.stringify(text).slice(1, -1).replaceAll("'", "\\'")}'`;
}

function fail(sentence: string): number {
  console.error(sentence);
  return 1;
}

function print({ figures, mostWrong }: Evaluation, sessions: number): void {
  console.log(`${sessions} sessions, 5 folds split by session`);
  console.table(
    Object.fromEntries(
      Object.entries(figures).map(([name, { n, ...shares }]) => [
        name,
        {
          n,
          ...Object.fromEntries(
            Object.entries(shares).map(([key, share]) => [key, share?.toFixed(4) ?? '-']),
          ),
        },
      ]),
    ),
  );
  console.log('The prompts that were judged most wrong (belief in edit, what happened):');
  for (const judged of mostWrong) console.log(lineOf(judged));
}

function lineOf({ moment, editProbability, isEdit }: Judged): string {
  const text = JSON.stringify(moment.evidence.promptText?.slice(0, 80) ?? '');
  return `${editProbability.toFixed(2)} ${isEdit ? 'edit    ' : 'analysis'} ${text}`;
}
