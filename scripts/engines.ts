// The real engines for a person: `node scripts/engines.ts setup | start-mlx [PORT] | start-llama [PORT]`.

import { once } from 'node:events';
import { type Engine, ensureEngine, startLlama, startMlx } from '../test/engine/engines.ts';

const progress = (line: string) => console.error(line);
const usage = 'Usage: node scripts/engines.ts setup | start-mlx [PORT] | start-llama [PORT]';

await main(process.argv[2], process.argv[3]).catch((error: Error) => {
  console.error(error.message);
  process.exitCode = 1;
});

async function main(command: string | undefined, port: string | undefined): Promise<void> {
  switch (command) {
    case 'setup':
      for (const part of ['mlx', 'llama'] as const) console.log(part, await ensureEngine(part, progress));
      return;
    case 'start-mlx':
      return untilInterrupted(
        await startMlx({ port: Number(port ?? 8081), prefillTps: 2000, decodeTps: 50, progress }),
      );
    case 'start-llama':
      return untilInterrupted(await startLlama({ port: Number(port ?? 1234), progress }));
    default:
      console.error(usage);
      process.exitCode = 2;
  }
}

async function untilInterrupted(engine: Engine): Promise<void> {
  console.log(`${engine.url} serves ${engine.model} (pid ${engine.pid}); Ctrl-C ends it`);
  await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')]);
  await engine.stop();
}
