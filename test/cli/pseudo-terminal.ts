// A command in a real pseudo-terminal, by util-linux's `script`: what it draws, what keys do to it, and how it leaves
// the terminal behind.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import type { Place } from './anyclaude.ts';

/** Why there is none here, or false. The `script` of macOS takes its arguments in another way. */
export const noPseudoTerminal: string | false = /util-linux/.test(
  spawnSync('script', ['--version'], { encoding: 'utf8' }).stdout ?? '',
)
  ? false
  : 'the script command of util-linux is not installed';

export type Size = { readonly columns: number; readonly rows: number };

const MAIN = join(import.meta.dirname, '../../cli/main.ts');
const MARK = '@@';

export class PseudoTerminal {
  readonly #child: ChildProcess;
  readonly #closed: Promise<void>;
  #text = '';
  #heard = Promise.withResolvers<void>();

  constructor(place: Place, args: readonly string[], { columns, rows }: Size) {
    const settings = `printf '${MARK}%s${MARK}\\n' "$(stty -g)"`;
    const command = `'${process.execPath}' '${MAIN}' ${args.join(' ')}`;
    const script = `stty cols ${columns} rows ${rows}; ${settings}; ${command}; echo "${MARK}$?${MARK}"; ${settings}`;
    const env = { TERM: 'xterm', LC_ALL: 'C.UTF-8', ...place.env };
    this.#child = spawn('script', ['-qec', script, '/dev/null'], { env, cwd: place.env['HOME'] });
    this.#child.stdout?.on('data', (chunk) => {
      this.#text += chunk;
      this.#heard.resolve();
    });
    this.#closed = new Promise((resolve) => this.#child.once('close', () => resolve()));
    void this.#closed.then(() => this.#heard.resolve());
  }

  press(keys: string): void {
    this.#child.stdin?.write(keys);
  }

  /** As a person's window does when it is drawn smaller or larger. */
  resize({ columns, rows }: Size): void {
    const { pid } = this.#child;
    const [shell = ''] = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ');
    const terminal = readlinkSync(`/proc/${shell}/fd/0`);
    const size = ['cols', String(columns), 'rows', String(rows)];
    const { status, stderr } = spawnSync('stty', ['-F', terminal, ...size], { encoding: 'utf8' });
    if (status !== 0) throw new Error(`stty: ${stderr}`);
  }

  /** The lines that stand on the screen, with their colours, once they are so. */
  async until(isIt: (lines: readonly string[]) => boolean): Promise<readonly string[]> {
    for (;;) {
      this.#heard = Promise.withResolvers();
      const lines = this.#picture();
      if (lines.length > 0 && isIt(lines)) return lines;
      if (this.#child.exitCode !== null)
        throw new Error(`It ended without that: ${JSON.stringify(this.#text)}`);
      await this.#heard.promise;
    }
  }

  /** What was the terminal's state before and after, and how the command ended. */
  async ended(): Promise<{ code: number; before: string; after: string; text: string }> {
    await this.#closed;
    const [before = '', code = '', after = ''] = Array.from(
      this.#text.matchAll(new RegExp(`${MARK}(.*?)${MARK}`, 'g')),
      ([, found = '']) => found,
    );
    return { code: Number(code), before, after, text: this.#text };
  }

  kill(): void {
    if (this.#child.exitCode === null) this.#child.kill('SIGKILL');
  }

  /** Each picture begins at the top of the screen and is written line by line; only a whole one counts. */
  #picture(): readonly string[] {
    const whole = this.#text.lastIndexOf('\u001b[J');
    const top = this.#text.lastIndexOf('\u001b[H', whole);
    if (whole < 0 || top < 0) return [];
    return this.#text
      .slice(top + 3, whole)
      .replaceAll('\u001b[K', '')
      .split('\r\n');
  }
}
