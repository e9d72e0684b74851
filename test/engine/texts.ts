// Real texts of four kinds, taken from the packages that are installed anyway: what a tokenizer's work on prose,
// code, JSON schemas and Chinese, Japanese or Korean costs can't be learned from invented words.

import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export const TEXT_KINDS = ['prose', 'code', 'json', 'cjk'] as const;
export type TextKind = (typeof TEXT_KINDS)[number];

/** Cuts a piece of about so many characters. Equal seeds and sizes give the same piece. */
export type TextSource = (chars: number, random: () => number) => string;

/** Two sources that share no file: what is learned from the one is tried on the other. */
export type TextSources = { readonly learn: TextSource; readonly unseen: TextSource };

export function textSources(): Readonly<Record<TextKind, TextSources>> {
  return { prose: twoOf(prose()), code: twoOf(code()), json: twoOf(schemas()), cjk: twoOf(cjk()) };
}

const packages = join(import.meta.dirname, '..', '..', 'node_modules');

function read(pattern: string): string[] {
  const paths = globSync(pattern, { cwd: packages, exclude: (name) => name.includes('/node_modules/') });
  return paths.sort().map((path) => readFileSync(join(packages, path), 'utf8'));
}

/** Translations into other scripts are in some files of code: they are no code. */
const OTHER_SCRIPT = /[\u0370-\u1fff]/;

/** Documentation without its code blocks, tables and lists of links. */
function prose(): string[] {
  const pages = read('{undici,express,zod,commander,knip,fast-check,kysely,pino,better-sqlite3}/**/*.md');
  return pages
    .map((page) =>
      page
        .replace(/```[\s\S]*?```/g, '')
        .replace(/^(?:\||\s*[-*+] \[|\[|<).*$/gm, '')
        .replace(/\n{3,}/g, '\n\n'),
    )
    .filter((page) => page.length > 2_000);
}

function code(): string[] {
  return read(
    '{undici/lib/{api,core,dispatcher,handler,mock,util,web},express/lib,commander/lib,kysely/dist,zod/src/v4/core,pino/lib}/**/*.{js,ts}',
  ).filter((file) => file.length > 2_000 && !OTHER_SCRIPT.test(file));
}

/** As a tool's definition is written into a prompt: one line, a name, a description, properties. */
function schemas(): string[] {
  const files = read('{@biomejs/biome/configuration_schema,knip/schema}.json');
  const parts = files.flatMap((file) => {
    const { $defs, definitions, properties } = JSON.parse(file) as Record<string, Record<string, unknown>>;
    return Object.entries({ ...$defs, ...definitions, ...properties });
  });
  const tools = parts.map(([name, input_schema]) => JSON.stringify({ name, input_schema }));
  return chunked(tools, 20).map((some) => some.join('\n'));
}

/** Sentences of translated texts, and the names that every Node knows in these languages. */
function cjk(): string[] {
  const pages = read('@biomejs/biome/README.zh-*.md').map((page) =>
    page.replace(/^[^\u3000-\u9fff]*$/gm, ''),
  );
  const messages = read('zod/src/v4/locales/{zh-CN,zh-TW,ja,ko}.ts');
  const sentences = messages.flatMap((file) =>
    Array.from(file.matchAll(/["'`]([^"'`]*[\u3000-\ud7af][^"'`]*)["'`]/g), ([, said = '']) => said),
  );
  const names = ['zh', 'ja', 'ko'].flatMap(namesIn);
  return [
    ...pages.flatMap((page) => page.split(/\n\n+/)),
    ...chunked(sentences, 8),
    ...chunked(names, 40),
  ].map((part) => (typeof part === 'string' ? part : part.join('、')));
}

function namesIn(language: string): string[] {
  const letters = Array.from('abcdefghijklmnopqrstuvwxyz');
  const codes = letters.flatMap((first) => letters.map((second) => first + second));
  const told = (type: 'language' | 'region', code: string) =>
    new Intl.DisplayNames([language], { type, fallback: 'none' }).of(code);
  return codes.flatMap((code) => [told('language', code), told('region', code.toUpperCase())]).filter(isText);
}

function isText(value: string | undefined): value is string {
  return value !== undefined;
}

function chunked(texts: readonly string[], size: number): string[][] {
  const count = Math.ceil(texts.length / size);
  return Array.from({ length: count }, (_, at) => texts.slice(at * size, (at + 1) * size));
}

function twoOf(files: readonly string[]): TextSources {
  return {
    learn: cut(files.filter((_, at) => at % 2 === 0)),
    unseen: cut(files.filter((_, at) => at % 2 === 1)),
  };
}

function cut(files: readonly string[]): TextSource {
  return (chars, random) => {
    let text = '';
    while (text.length < chars) {
      const file = files[Math.floor(random() * files.length)] ?? '';
      const start = Math.floor(random() * Math.max(1, file.length - chars));
      text += `${file.slice(start, start + chars - text.length)}\n\n`;
    }
    return text;
  };
}
