// Texts to try the vocabularies on: prose, code, JSON schemas, and Chinese, Japanese and Korean, out of this folder's
// packages. test/engine/texts.ts takes its own from others.

import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const packages = join(import.meta.dirname, 'node_modules');
const read = (pattern: string) =>
  globSync(pattern, { cwd: packages })
    .sort()
    .map((path) => readFileSync(join(packages, path), 'utf8'));

/** Pieces of a thousand tokens or so. */
export function textsByKind(): Readonly<Record<string, readonly string[]>> {
  return {
    prose: cut(
      [...comments(), ...read('{gpt-tokenizer,yargs,vega-lite,typescript,tslib,cliui}/*.md')],
      4000,
      600,
    ),
    code: cut(
      [
        ...read('typescript/lib/{lib.es*.d,lib.dom.d,_tsserver,typescript.d}.ts'),
        ...read('{yargs,yargs-parser,cliui,tslib,vega-util,vega-expression}/**/*.{js,mjs,ts}'),
        ...read('vega-lite/{build,src}/**/*.ts'),
        ...read('typescript/lib/{_tsserver,_typingsInstaller,watchGuard}.js'),
        ...read('vega-lite/build/index.js'),
        ...read('gpt-tokenizer/src/**/*.ts').filter((file) => file.length < 100_000),
        ...read('undici-types/*.d.ts'),
        ...read('@types/node/**/*.d.ts'),
      ],
      4000,
      800,
    ).map(laidOut),
    numbers: cut([tables()], 1500, 100),
    json: cut(schemas(), 4000, 600),
    cjk: cut(translations(), 1500, 600),
  };
}

/** With tabs, or with the line ends of other systems, now and then: the packages have hardly any. */
function laidOut(text: string, at: number): string {
  const tabs =
    at % 4 === 1 ? text.replace(/^ +/gm, (blanks) => '\t'.repeat(Math.ceil(blanks.length / 4))) : text;
  return at % 8 === 2 || at % 8 === 5 ? tabs.replaceAll('\n', '\r\n') : tabs;
}

/** Numbers of one to eight digits, in rows and lists. */
function tables(): string {
  const number = (at: number) => Math.floor(10 ** (1 + ((at * 0.618) % 1) * ((at >> 6) % 8)));
  const rows = Array.from({ length: 6000 }, (_, at) => [
    number(3 * at),
    number(3 * at + 1),
    number(3 * at + 2),
  ]);
  return rows.map((row, at) => ((at >> 4) % 2 === 0 ? `  (${row.join(', ')}),` : `[${row}],`)).join('\n');
}

/** What the declarations of browsers and of Node say in words. */
function comments(): string[] {
  return [...read('typescript/lib/lib.{dom,webworker}.d.ts'), ...read('{@types/node,undici-types}/**/*.d.ts')]
    .map((file) =>
      Array.from(file.matchAll(/^ *\/?\*\*? ?(.*?)(?: ?\*\/)?$/gm), ([, words = '']) => words)
        .filter((words) => !/^(?:\[MDN|@|```|\s*\/?$)/.test(words))
        .join('\n'),
    )
    .filter((words) => words.length > 4000);
}

function schemas(): string[] {
  const [schema = '{}'] = read('vega-lite/build/vega-lite-schema.json');
  const definitions = Object.entries((JSON.parse(schema) as { definitions: object }).definitions);
  const tools = definitions.map(([name, input_schema]) => JSON.stringify({ name, input_schema }));
  const messages = read('typescript/lib/{de,fr}/diagnosticMessages.generated.json').map((file) =>
    JSON.stringify(
      Object.fromEntries(Object.keys(JSON.parse(file)).map((key) => [key, key.replaceAll('_', ' ')])),
    ),
  );
  return [tools.join('\n'), tools.toReversed().join('\n'), schema, ...messages.slice(0, 1)];
}

function translations(): string[] {
  return read('typescript/lib/{zh-cn,zh-tw,ja,ko}/diagnosticMessages.generated.json').map((file) =>
    Object.values(JSON.parse(file) as Record<string, string>).join('\n'),
  );
}

/** So many pieces, evenly from all texts. */
function cut(texts: readonly string[], size: number, count: number): string[] {
  const pieces = texts.flatMap((text) =>
    Array.from({ length: Math.floor(text.length / size) }, (_, at) => text.slice(at * size, (at + 1) * size)),
  );
  return Array.from(
    { length: Math.min(count, pieces.length) },
    (_, at) => pieces[Math.floor((at * pieces.length) / Math.min(count, pieces.length))] ?? '',
  );
}
