import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

const MAIN = join(import.meta.dirname, '../../cli/main.ts');

/** From the start of the process to its end. Throws where the command failed. */
export async function commandSeconds(home: string, args: readonly string[]): Promise<number> {
  const startedMs = performance.now();
  const child = spawn(process.execPath, [MAIN, ...args], {
    env: { PATH: process.env['PATH'], HOME: home, ANYCLAUDE_HOME: home },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const [code] = await once(child, 'exit');
  if (code !== 0) throw new Error(`anyclaude ${args.join(' ')} ended with ${code}`);
  return (performance.now() - startedMs) / 1000;
}
