// A wrong setting in one sentence: its name, its value, what is allowed.

import type { z } from 'zod';
import { configJsonSchema } from './schema.ts';

type Issue = z.core.$ZodIssue;
type UnknownKeys = Extract<Issue, { code: 'unrecognized_keys' }>;
type LabelOf = (key: string) => string;

export function mustBe(label: string, value: unknown, allowed: string): string {
  const written = JSON.stringify(value) ?? String(value);
  const short = written.length > 80 ? `${written.slice(0, 80)}...` : written;
  return `${label} is ${short}, but it must be ${allowed}.`;
}

/** Explains a problem that zod found in `root`. The value of a secret is not shown. */
export function explainIssue(issue: Issue, root: unknown, labelOf: LabelOf): string {
  if (issue.code === 'unrecognized_keys') return unknownKey(issue, labelOf);
  const label = labelOf(issue.path.join('.'));
  if (issue.code === 'invalid_key') {
    return `${label} is not a name that can be used: it must be ${issue.issues[0]?.message ?? 'another one'}.`;
  }
  const value = issue.path.reduce<unknown>(childOf, root);
  if (value === undefined) return `${label} is missing: it must be ${issue.message}.`;
  const hidden = isSecret(issue.path.at(-1)) || String(value).includes('@'); // a URL may carry a password
  if (hidden) return `${label} cannot be used: it must be ${issue.message}.`;
  return mustBe(label, value, issue.message);
}

export function isSecret(key: PropertyKey | undefined): boolean {
  return key === 'apiKey' || key === 'token';
}

function unknownKey(issue: UnknownKeys, labelOf: LabelOf): string {
  const [key = ''] = issue.keys;
  const allowed = keysAllowedAt(issue.path);
  const near = nearest(key, allowed);
  const hint = near === undefined ? '' : ` Did you mean "${near}"?`;
  const label = labelOf([...issue.path, key].join('.'));
  return `${label} is not a setting.${hint} Allowed here: ${allowed.join(', ')}.`;
}

function keysAllowedAt(path: readonly PropertyKey[]): readonly string[] {
  const schema = path.reduce<unknown>(schemaBelow, configJsonSchema());
  return Object.keys(Object(childOf(schema, 'properties'))).filter((key) => key !== '$schema');
}

function schemaBelow(schema: unknown, key: PropertyKey): unknown {
  const named = childOf(childOf(schema, 'properties'), key);
  if (named !== undefined) return named;
  const each = childOf(schema, 'additionalProperties');
  return childOf(childOf(each, 'anyOf'), 0) ?? each;
}

function childOf(value: unknown, key: PropertyKey): unknown {
  return Object.hasOwn(Object(value), key) ? Object(value)[key] : undefined;
}

/** The allowed word that a typing error is closest to, within a third of its length. */
export function nearest(word: string, allowed: readonly string[]): string | undefined {
  const byDistance = allowed
    .map((candidate) => ({ candidate, distance: editDistance(word.toLowerCase(), candidate.toLowerCase()) }))
    .sort((a, b) => a.distance - b.distance);
  const best = byDistance[0];
  return best !== undefined && best.distance <= Math.max(2, word.length / 3) ? best.candidate : undefined;
}

function editDistance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let i = 1; i <= from.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= to.length; j += 1) {
      const replaced = (row[j - 1] ?? 0) + (from[i - 1] === to[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[to.length] ?? 0;
}
