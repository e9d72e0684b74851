// What a fresh clone needs before any code runs: a lockfile that `npm ci` takes, and a README whose commands work.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';

const root = join(import.meta.dirname, '..');
const read = (path: string): string => readFileSync(join(root, path), 'utf8');

type Locked = {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly hasInstallScript?: boolean;
};

type Packages = Readonly<Record<string, Locked>>;
const packagesOf = (path: string) => (JSON.parse(read(path)) as { packages: Packages }).packages;

for (const path of ['package-lock.json', 'grafana/pictures/package-lock.json']) {
  describe(path, () => {
    const packages = packagesOf(path);
    const names = Object.keys(packages);

    // A registry that had no package for some platform leaves a hole, and `npm ci` refuses the whole file.
    it('holds every package that another one names, those for other platforms too', () => {
      const missing = Object.entries(packages).flatMap(([from, { dependencies, optionalDependencies }]) =>
        Object.keys({ ...dependencies, ...optionalDependencies })
          .filter((name) => !names.some((path) => path.endsWith(`node_modules/${name}`)))
          .map((name) => `${from} → ${name}`),
      );
      assert.deepEqual(missing, []);
    });

    it('names no host to load from, so that everyone uses the registry they have', () => {
      assert.ok(!read(path).includes('"resolved"'));
    });
  });
}

describe('package-lock.json', () => {
  const packages = packagesOf('package-lock.json');

  it('has an install script in no package that package.json does not list', () => {
    const { allowScripts } = JSON.parse(read('package.json')) as { allowScripts: Record<string, boolean> };
    const listed = Object.keys(allowScripts).map((name) => name.replace(/(?<=.)@.*$/, ''));
    const scripted = Object.entries(packages)
      .filter(([, { hasInstallScript }]) => hasInstallScript)
      .map(([path]) => path.split('node_modules/').at(-1) ?? path);
    assert.deepEqual(
      scripted.filter((name) => !listed.includes(name)),
      [],
    );
  });
});

describe('CONTRIBUTING.md', () => {
  const said = read('CONTRIBUTING.md').replace(/\s+/g, ' ');
  const [, functionLines, fileLines] = said.match(/(\d+) and (\d+) the limits that are checked/) ?? [];

  it('names the length of a function that the linter allows', () => {
    assert.match(read('biome.json'), new RegExp(`"maxLines": ${functionLines},`));
  });

  it('names a length that no file of the product exceeds', () => {
    const files = ['wire', 'router', 'backend', 'store', 'migrations', 'daemon', 'cli'].flatMap((folder) =>
      readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map(
        (name) => `${folder}/${name}`,
      ),
    );
    const sources = files.filter((path) => /\.(ts|js)$/.test(path));
    const linesOf = (path: string) => read(path).split('\n').length - 1;
    assert.ok(sources.length > 100);
    assert.deepEqual(
      sources.filter((path) => linesOf(path) > Number(fileLines)),
      [],
    );
  });
});

/** Where each command of the README is run: a file, and words of it that run the command. */
const SHOWN_BY: Readonly<Record<string, readonly [file: string, words: string]>> = {
  'npm start': ['test/cli/npm-start.test.ts', "spawn('npm', ['start'"],
  'npm start -- --no-demo': ['test/cli/npm-start.test.ts', "'--no-demo'"],
  'npm test': ['.ci/run', 'npm test'],
  'npm run bench:cache': ['test/bench/cache.test.ts', "'bench/cache.ts', '--quick'"],
  'npm run bench:hybrid': ['test/bench/hybrid.test.ts', "'../../bench/hybrid.ts'"],
  'npm run bench:overhead': ['test/bench/overhead.test.ts', "'../../bench/overhead.ts'"],
  'npm run bench:routing': ['test/bench/routing.test.ts', "runBench('routing'"],
  'npm run bench:sessions': ['test/bench/sessions.test.ts', "'../../bench/sessions.ts'"],
  'npm run bench:metrics': ['test/bench/metrics.test.ts', "'../../bench/metrics.ts'"],
  'npm run bench:statusline': ['test/bench/statusline.test.ts', "'../../bench/statusline.ts'"],
  'npm run bench:store': ['test/bench/store.test.ts', "'../../bench/store.ts'"],
  'FOLDER/bin/anyclaude': ['test/cli/clone.test.ts', "[launcher, 'run']"],
  'FOLDER/bin/anyclaude statusline': ['test/cli/clone.test.ts', "launcher, ['statusline']"],
  'npm run -s anyclaude --': ['test/cli/clone.test.ts', "'run', '-s', 'anyclaude', '--'"],
  'anyclaude start': ['test/cli/lifecycle.test.ts', "'start'"],
  'anyclaude start --foreground': ['test/cli/stop.test.ts', "'--foreground'"],
  'anyclaude stop': ['test/cli/lifecycle.test.ts', "'stop'"],
  'anyclaude restart': ['test/cli/lifecycle.test.ts', "'restart'"],
  'anyclaude status': ['test/cli/command-line.test.ts', "'status'"],
  'anyclaude status --json': ['test/cli/site.ts', "'status', '--json'"],
  'anyclaude logs': ['test/cli/command-line.test.ts', "'logs'"],
  'anyclaude run': ['test/cli/run.test.ts', "'run'"],
  'anyclaude serve-mlx': ['test/engine/kept-mlx.ts', "'serve-mlx'"],
  'anyclaude env': ['test/cli/command-line.test.ts', "'env'"],
  'anyclaude stats': ['test/cli/stats.test.ts', 'runStats'],
  'anyclaude export': ['test/cli/export.test.ts', 'runExport'],
  'anyclaude db path': ['test/cli/db.test.ts', "'db', 'path'"],
  'anyclaude db check': ['test/cli/db.test.ts', "'db', 'check'"],
  'anyclaude db backup': ['test/cli/db.test.ts', "'db', 'backup'"],
  'anyclaude db vacuum': ['test/cli/db.test.ts', "'db', 'vacuum'"],
  'anyclaude explain': ['test/cli/explain.test.ts', 'runExplain'],
  'anyclaude warm': ['test/cli/warm.test.ts', "'warm'"],
  'anyclaude top': ['test/cli/live.test.ts', "['top']"],
  'anyclaude ps': ['test/cli/live.test.ts', "command('ps')"],
  'anyclaude tail': ['test/cli/live.test.ts', "['tail', '--json']"],
  'anyclaude sessions': ['test/cli/sessions.test.ts', 'runSessions'],
  'anyclaude session': ['test/cli/sessions.test.ts', 'runSession('],
  'anyclaude statusline': ['test/cli/statusline.test.ts', "['statusline']"],
  'anyclaude completion bash': ['test/cli/completion.test.ts', "'completion', shell"],
  'anyclaude completion zsh': ['test/cli/completion.test.ts', "'completion', shell"],
  'anyclaude completion fish': ['test/cli/completion.test.ts', "'completion', shell"],
  'anyclaude doctor': ['test/cli/command-line.test.ts', "'doctor'"],
  'anyclaude config show': ['test/cli/command-line.test.ts', "'show'"],
  'anyclaude config check': ['test/cli/command-line.test.ts', "'check'"],
  'anyclaude config path': ['test/cli/command-line.test.ts', "'path'"],
  'anyclaude config schema': ['test/cli/command-line.test.ts', "'schema'"],
};

describe('the README', () => {
  const commands = commandsOf(read('README.md'));

  it('shows no command that nothing runs, and the table of commands none that it does not show', () => {
    assert.deepEqual(commands, Object.keys(SHOWN_BY).toSorted());
  });

  for (const [command, [file, words]] of Object.entries(SHOWN_BY)) {
    it(`has ${command} run by ${file}`, () => assert.ok(read(file).includes(words), words));
  }
});

/** npm commands in code, those of a clone, and the first column of the table of commands. */
function commandsOf(readme: string): readonly string[] {
  const npm = Array.from(
    readme.matchAll(/(?:^|`)(npm (?:start|test)(?: -- --[\w-]+)?(?=[`\n])|npm run [\w:]+)/gm),
    ([, all]) => all,
  );
  const inCode = Array.from(readme.matchAll(/^anyclaude \w+/gm), ([all]) => all);
  const ofClone = Array.from(
    readme.matchAll(/FOLDER\/bin\/anyclaude(?: \w+)?(?=[`\s])|npm run -s anyclaude --/g),
    ([all]) => all,
  );
  const table = readme
    .slice(readme.indexOf('## Commands'), readme.indexOf('Exit codes:'))
    .replaceAll('\\|', '|');
  const spans = Array.from(table.matchAll(/`([a-z]+[^`]*)`/g), ([, span = '']) => span);
  const names = spans.filter((span) => !/^(npm|anyclaude) /.test(span)).flatMap(alternatives);
  return [...new Set([...npm, ...inCode, ...ofClone, ...names.map((name) => `anyclaude ${name}`)])]
    .filter(isText)
    .toSorted();
}

/** `config show|check` is two commands; what stands in brackets may be left out. */
function alternatives(span: string): readonly string[] {
  const [first = '', second = ''] = span.replace(/ ?\[.*$/, '').split(' ');
  return second.split('|').map((each) => `${first} ${each}`.trim());
}

function isText(value: string | undefined): value is string {
  return value !== undefined;
}
