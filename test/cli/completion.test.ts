// The scripts are run by the shells themselves. Where zsh or fish is not installed, their tests are skipped and say so.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { MODES } from '../../daemon/config/schema.ts';
import { STATS_BY } from '../../store/report.ts';
import { anyclaude, newPlace, type Place } from './anyclaude.ts';

const SHELLS = ['bash', 'zsh', 'fish'] as const;
type Shell = (typeof SHELLS)[number];

let place: Place;
let folder: string;
before(() => {
  place = newPlace();
  folder = join(place.env['HOME'] ?? '', 'work');
  mkdirSync(folder);
  writeFileSync(join(folder, 'file.json'), '{}');
});
after(() => place.remove());

/** What each shell runs to complete the last of `words`: one word a line. */
const DRIVERS: Readonly<Record<Shell, (script: string, words: readonly string[]) => readonly string[]>> = {
  bash: (script, words) => [
    ...['--noprofile', '--norc', '-c'],
    `source ${script}; COMP_WORDS=(${quotedAll(words)}); COMP_CWORD=${words.length - 1}
     $(complete -p anyclaude | sed 's/.*-F \\([^ ]*\\).*/\\1/'); printf '%s\\n' "\${COMPREPLY[@]}"`,
  ],
  // The menu itself needs a keyboard; what would stand in it is printed instead.
  zsh: (script, words) => [
    ...['-f', '-c'],
    `compdef() { served=$1 }
     offer() { [[ $1 == $words[CURRENT]* ]] && print -r -- $1 }
     _describe() { local each; for each in \${(P)@[-1]}; do offer \${each%%:*}; done }
     _files() { local each; for each in *; do offer $each; done }
     source ${script}; words=(${quotedAll(words)}); CURRENT=${words.length}; $served; true`,
  ],
  fish: (script, words) => [
    '--no-config',
    '-c',
    `source ${script}; complete -C ${quotedAll([words.join(' ')])}`,
  ],
};

function quotedAll(words: readonly string[]): string {
  return words.map((word) => `'${word}'`).join(' ');
}

const isThere = (shell: Shell) => spawnSync(shell, ['-c', 'true']).error === undefined;

for (const shell of SHELLS) {
  const skip = isThere(shell) ? false : `${shell} is not installed`;
  describe(`completion ${shell}`, { skip }, () => {
    let script: string;
    before(async () => {
      const { code, stdout, stderr } = await anyclaude(place, 'completion', shell);
      assert.deepEqual([code, stderr], [0, '']);
      script = join(place.env['HOME'] ?? '', `completion.${shell}`);
      writeFileSync(script, stdout);
    });

    const complete = (...words: readonly string[]) => {
      const options = { cwd: folder, env: { ...place.env, LC_ALL: 'C.UTF-8' }, encoding: 'utf8' } as const;
      const { stdout, stderr } = spawnSync(shell, DRIVERS[shell](script, ['anyclaude', ...words]), options);
      assert.equal(stderr, '');
      const found = stdout.split('\n').map((line) => line.split('\t')[0] ?? '');
      return found.filter((word) => word !== '').toSorted();
    };

    it('offers every command that --help lists', async () => {
      const { stdout } = await anyclaude(place, '--help');
      const listed = stdout.slice(stdout.indexOf('Commands:')).matchAll(/^ {2}([a-z-]+)/gm);
      const names = Array.from(listed, ([, name]) => name).toSorted();
      assert.ok(names.length > 10);
      assert.deepEqual(complete(''), names);
    });

    it('goes on from what has been typed', () => {
      assert.deepEqual(complete('sta'), ['start', 'stats', 'status', 'statusline']);
      assert.deepEqual(complete('config', ''), ['check', 'help', 'path', 'schema', 'show']);
      assert.deepEqual(complete('completion', ''), ['bash', 'fish', 'zsh']);
      assert.deepEqual(complete('session', '--js'), ['--json']);
      assert.deepEqual(complete('nonsense', 'more', 'conf'), ['config']);
    });

    it('knows an option that takes a value from the value, and both from a command', () => {
      assert.deepEqual(complete('start', '--mode', ''), MODES.toSorted());
      assert.deepEqual(complete('start', '--mode', 'stop', '--fore'), ['--foreground']);
      assert.deepEqual(complete('stats', '--by', ''), STATS_BY.toSorted());
      assert.deepEqual(complete('stats', '--watch', '--by', 'mo'), ['model']);
      assert.deepEqual(complete('export', '--format', ''), ['csv', 'jsonl']);
      for (const command of ['stats', 'export', 'sessions'])
        assert.deepEqual(complete(command, '--since', ''), ['1h', '24h', '30d', '7d', 'today']);
      assert.deepEqual(complete('stats', '--until', '2'), ['24h']);
      assert.deepEqual(complete('tail', '--lines', ''), []);
      assert.deepEqual(complete('start', '--config', 'f'), ['file.json']);
    });

    it("completes no option of ours in Claude Code's own arguments", () => {
      assert.deepEqual(complete('run', '--', '--mo'), []);
      assert.deepEqual(complete('run', '--', 'fi'), ['file.json']);
    });
  });
}

it('another shell is a usage error that names those there are', async () => {
  const { code, stdout, stderr } = await anyclaude(place, 'completion', 'tcsh');
  assert.deepEqual([code, stdout], [2, '']);
  assert.match(stderr, /bash, zsh, fish/);
});
