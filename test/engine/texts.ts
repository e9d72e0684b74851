// Real texts of four kinds: what a tokenizer makes of prose, code, JSON schemas and Chinese, Japanese or Korean can't
// be learned from invented words. They come out of all the packages that are installed anyway, chosen by rule.

import { globSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, sep } from 'node:path';
import { seeded, seedOf } from '../fixture/words.ts';

export const TEXT_KINDS = ['prose', 'code', 'json', 'cjk'] as const;
export type TextKind = (typeof TEXT_KINDS)[number];

/** Cuts a piece of about so many characters. Equal seeds and sizes give the same piece. */
export type TextSource = (chars: number, random: () => number) => string;

/** Two sources that share no package, or no part of one: what is learned from the one is tried on the other. */
export type TextSources = { readonly learn: TextSource; readonly unseen: TextSource };

/** `python` is an interpreter with mlx_lm in its environment. */
export function textSources(python?: string): Readonly<Record<TextKind, TextSources>> {
  const files = [packages, ...(python === undefined ? [] : libraries(python))].flatMap(filesIn);
  return {
    prose: twoOf(files.filter(isPage).map(asShelf(asProse))),
    code: twoOf(files.filter(isCode).map(asShelf(asCode))),
    json: twoOf([...schemas(), ...files.filter(isManifest).map(asShelf(asJson))]),
    cjk: twoOf(cjk()),
  };
}

/** Texts of one origin: a package's, or a part of a file. None is read before it is wanted. */
type Shelf = { readonly origin: string; readonly read: () => string };
type File = { readonly origin: string; readonly path: string };

const packages = join(import.meta.dirname, '..', '..', 'node_modules');

function libraries(python: string): string[] {
  return globSync('python3*/site-packages', { cwd: join(dirname(dirname(python)), 'lib') }).map((path) =>
    join(dirname(dirname(python)), 'lib', path),
  );
}

const SKIPPED = /(?:^|\/)(?:node_modules|tests?|__tests__|__pycache__)$/;

function filesIn(root: string): File[] {
  const paths = globSync('**/*.{md,js,mjs,cjs,ts,mts,cts,py,c,cpp,h,hpp,json}', {
    cwd: root,
    exclude: (path) => SKIPPED.test(path),
  });
  return paths.sort().map((path) => {
    const [scope = '', name = ''] = path.split(sep);
    return { origin: scope.startsWith('@') ? `${scope}/${name}` : scope, path: join(root, path) };
  });
}

const isPage = ({ path }: File) => path.endsWith('.md') && !/changelog|history|licen[cs]e/i.test(path);
const isManifest = ({ path }: File) => path.endsWith(`${sep}package.json`);
const isCode = ({ path }: File) => /\.(?:[mc]?[jt]s|py|c|cpp|h|hpp)$/.test(path);

function asShelf(read: (text: string) => string): (file: File) => Shelf {
  return ({ origin, path }) => ({
    origin,
    read: () => (isReadable(path) ? read(readFileSync(path, 'utf8')) : ''),
  });
}
/** Beyond so many bytes are bundles and tables that nobody reads. */
const LARGE = 500_000;

function isReadable(path: string): boolean {
  const found = statSync(path);
  return found.isFile() && found.size <= LARGE;
}

/** English without code blocks, tables and lists of links. */
function asProse(page: string): string {
  const words = page
    .replace(/\r/g, '')
    .replace(/```[\s\S]*?```/g, '')
    .replace(/^\s*(?:\||[-*+] \[|\[|<).*$/gm, '')
    .replace(/\n{3,}/g, '\n\n');
  return OTHER_SCRIPT.test(words) || share(words, /[\u00c0-\u024f]/g) > 0.005 ? '' : words;
}

/** As people write it: neither minified, nor a table of numbers, nor translations into other scripts. */
function asCode(file: string): string {
  const isCode = !OTHER_SCRIPT.test(file) && !LONG_LINE.test(file) && share(file, /[a-z]/gi) > 0.4;
  return isCode ? file.replace(/\r/g, '') : '';
}

function asJson(file: string): string {
  return OTHER_SCRIPT.test(file) ? '' : file.replace(/\r/g, '');
}

const OTHER_SCRIPT = /[\u0370-\u1fff\u3040-\ud7af]/;
const LONG_LINE = /.{500}/;

/** Of what is not white space. */
function share(text: string, characters: RegExp): number {
  return (text.match(characters) ?? []).length / (text.replace(/\s/g, '').length || 1);
}

/** As tools are written into a prompt: a line for each, a name, a description, properties. Three at a time. */
function schemas(): Shelf[] {
  const files = ['@biomejs/biome/configuration_schema.json', 'knip/schema.json'];
  const parts = files.flatMap((file) => {
    const schema = JSON.parse(readFileSync(join(packages, file), 'utf8')) as Record<
      string,
      Record<string, unknown>
    >;
    return Object.entries({ ...schema['$defs'], ...schema['definitions'], ...schema['properties'] });
  });
  const tools = parts.map(([name, input_schema]) => JSON.stringify({ name, input_schema }));
  return chunked(tools, 3).map((some, at) => ({ origin: `schema ${at}`, read: () => some.join('\n') }));
}

/** Sentences of translated texts, and the names that every Node knows in these languages. */
function cjk(): Shelf[] {
  const read = (pattern: string) =>
    globSync(pattern, { cwd: packages })
      .sort()
      .map((path) => readFileSync(join(packages, path), 'utf8'));
  const pages = read('@biomejs/biome/README.{zh-*,ja,kr}.md').map((page) =>
    page.replace(/^[^\u3000-\ud7af]*$/gm, ''),
  );
  const messages = read('zod/src/v4/locales/{zh-CN,zh-TW,ja,ko}.ts');
  const sentences = messages.flatMap((file) =>
    Array.from(file.matchAll(/["'`]([^"'`]*[\u3000-\ud7af][^"'`]*)["'`]/g), ([, said = '']) => said),
  );
  const texts = [
    ...pages.flatMap((page) => page.split(/\n\n+/)),
    ...chunked(sentences, 8).map((some) => some.join('、')),
    ...chunked(['zh', 'ja', 'ko'].flatMap(namesIn), 40).map((some) => some.join('、')),
  ];
  return texts.map((text, at) => ({ origin: `part ${at}`, read: () => text }));
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

/** Half of the origins for each, told apart by their names. */
function twoOf(shelves: readonly Shelf[]): TextSources {
  const origins = Array.from(
    Map.groupBy(shelves, ({ origin }) => origin),
    ([name, files]) => ({ name, files }),
  );
  const isLearned = ({ name }: Origin) => drawn(name) < 0.5;
  return {
    learn: cut(origins.filter(isLearned)),
    unseen: cut(origins.filter((origin) => !isLearned(origin))),
  };
}

type Origin = { readonly name: string; readonly files: readonly Shelf[] };

/** From packages as often as from each other, however many files one has. */
function cut(origins: readonly Origin[]): TextSource {
  return (chars, random) => {
    let text = '';
    while (text.length < chars) {
      const { files = [] } = oneOf(origins, random()) ?? {};
      const file = files[Math.floor(random() * files.length)]?.read() ?? '';
      if (file.trim() === '') continue;
      const start = Math.floor(random() * Math.max(1, file.length - chars));
      text += `${file.slice(start, start + chars - text.length)}\n\n`;
    }
    return text;
  };
}

/** The same on every system, but where one has a package that another has not and it is that package's turn. */
function oneOf(origins: readonly Origin[], turn: number): Origin | undefined {
  const lots = origins.map(({ name }) => drawn(`${turn} ${name}`));
  return origins[lots.indexOf(Math.max(...lots))];
}

function drawn(name: string): number {
  return seeded(seedOf(name))();
}
