import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';

const MAIN = join(import.meta.dirname, '../../cli/main.ts');
/** Says on descriptor 3 what the process has cost: that tells a slow command from a busy machine. */
const TELL_COST = `import{writeSync}from'node:fs';process.on('exit',()=>{const{user,system}=process.cpuUsage();writeSync(3,String(user+system))})`;

export type CommandCost = {
  /** From the start of the process to its end. */
  readonly seconds: number;
  readonly processorSeconds: number;
};

/** Throws where the command failed. */
export async function commandCost(home: string, args: readonly string[]): Promise<CommandCost> {
  const startedMs = performance.now();
  const child = spawn(process.execPath, ['--import', `data:text/javascript,${TELL_COST}`, MAIN, ...args], {
    env: { PATH: process.env['PATH'], HOME: home, ANYCLAUDE_HOME: home },
    stdio: ['ignore', 'ignore', 'inherit', 'pipe'],
  });
  const told = text(child.stdio[3] as NodeJS.ReadableStream);
  const [code] = await once(child, 'exit');
  if (code !== 0) throw new Error(`anyclaude ${args.join(' ')} ended with ${code}`);
  const seconds = (performance.now() - startedMs) / 1000;
  return { seconds, processorSeconds: Number(await told) / 1e6 };
}
