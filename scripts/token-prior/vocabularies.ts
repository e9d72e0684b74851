// Public vocabularies of other makers than those that the tests are run on.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { getTokenizer } from '@anthropic-ai/tokenizer';
import * as cl100k from 'gpt-tokenizer/encoding/cl100k_base';
import * as o200k from 'gpt-tokenizer/encoding/o200k_base';
import * as p50k from 'gpt-tokenizer/encoding/p50k_base';

type Count = (text: string) => number;

const claude = getTokenizer();
/** What looks like a special token is text. */
const asText = { disallowedSpecial: new Set<string>() };
const countCl100k: Count = (text) => cl100k.encode(text, asText).length;

export const VOCABULARIES: Readonly<Record<string, Count>> = {
  cl100k: countCl100k,
  // As Qwen has it: nearly the same pieces, but a token for every digit.
  'cl100k by digit': (text) =>
    Array.from(text.matchAll(/\d+/g), ([digits]) => digits.length - Math.ceil(digits.length / 3)).reduce(
      (sum, more) => sum + more,
      countCl100k(text),
    ),
  o200k: (text) => o200k.encode(text, asText).length,
  p50k: (text) => p50k.encode(text, asText).length,
  claude2: (text) => claude.encode(text.normalize('NFKC'), 'all').length,
};

const require = createRequire(import.meta.url);
const data = (name: string) => new URL(`node_modules/gpt-tokenizer/data/${name}.tiktoken`, import.meta.url);

/** The pieces of each, as bytes read for characters, the most common ones first. */
export function pieceLists(): readonly (readonly string[])[] {
  const { bpe_ranks: ranks } = require('@anthropic-ai/tokenizer/claude.json') as { bpe_ranks: string };
  const lists = ['cl100k_base', 'o200k_base', 'p50k_base'].map((name) =>
    readFileSync(data(name), 'utf8')
      .split('\n')
      .map((line) => line.split(' ')[0] ?? ''),
  );
  return [...lists, ranks.split(' ').slice(2)].map((list) =>
    list.map((piece) => Buffer.from(piece, 'base64').toString('latin1')),
  );
}
