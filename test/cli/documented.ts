// docs/json.md is held to what the commands really print.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const PAGE = readFileSync(join(import.meta.dirname, '../../docs/json.md'), 'utf8');

/** Every key of the document, in whatever depth, stands in the section of that command. */
export function assertDocumented(command: string, document: unknown): void {
  const [, rest = ''] = PAGE.split(`## \`${command}\``);
  const [section = ''] = rest.split('\n## ');
  const named = new Set(
    Array.from(section.matchAll(/`([^`]+)`/g), ([, code = '']) => code.split(/\W+/)).flat(),
  );
  const missing = [...keysIn(document)].filter((key) => !named.has(key));
  assert.deepEqual(missing, [], `keys that docs/json.md does not name below ${command}`);
}

function* keysIn(value: unknown): Generator<string> {
  if (typeof value !== 'object' || value === null) return;
  for (const [key, inner] of Object.entries(value)) {
    if (!Array.isArray(value)) yield key;
    yield* keysIn(inner);
  }
}

/** Such as `history[].kind`, sorted: what a frozen document is compared by. */
export function pathsOf(document: unknown): readonly string[] {
  return [...new Set(pathsIn(document, ''))].toSorted();
}

function* pathsIn(value: unknown, path: string): Generator<string> {
  if (typeof value !== 'object' || value === null) return;
  if (Array.isArray(value)) for (const each of value) yield* pathsIn(each, `${path}[]`);
  else
    for (const [key, inner] of Object.entries(value)) {
      const own = path === '' ? key : `${path}.${key}`;
      yield own;
      yield* pathsIn(inner, own);
    }
}
