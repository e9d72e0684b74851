// What the prompt cache is worth on a real server, and what the daemon's normalising adds to it.
//
//   node bench/cache.ts [--url http://127.0.0.1:8081 [--model NAME]] [--sizes 1000,4000,18000] [--quick] [--json]
//
// Without --url: the real mlx_lm.server with the scripted model, which pretends to read 2,000 tokens a second, and the
// real llama.cpp with SmolLM2-135M, where 18,000 tokens would take this machine's processor minutes. Everything else is
// theirs: tokenizer, template, prompt cache, stream, and the tokens reported as cached.

import { table } from '../cli/terminal.ts';
import { startLlama, startMlx, whyNot } from '../test/engine/engines.ts';
import { readArguments } from './arguments.ts';
import { type CacheRow, measure, type Plan, type Server } from './cache/measure.ts';

const SIZES = {
  mlx: [1000, 4000, 18_000],
  llama: [1000, 4000],
  given: [1000, 4000, 18_000],
  quick: [1000],
} as const;

const { values: options } = readArguments({
  options: {
    url: { type: 'string' },
    model: { type: 'string' },
    sizes: { type: 'string' },
    quick: { type: 'boolean' },
    json: { type: 'boolean' },
  },
});

const rows: CacheRow[] = [];
const plan = (sizes: readonly number[]): Plan => ({
  sizes: givenSizes() ?? (options.quick ? SIZES.quick : sizes),
  ...(options.quick ? { rounds: 1, turns: 2 } : { rounds: 3, turns: 5 }),
  onRow(row) {
    rows.push(row);
    process.stderr.write(`${line(row).join('  ')}\n`);
  },
});

try {
  await measureAll();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}
process.stdout.write(options.json ? `${JSON.stringify(rows, null, 2)}\n` : `${toTable(rows)}\n`);

function givenSizes(): readonly number[] | undefined {
  const sizes = options.sizes?.split(',').map(Number);
  if (sizes === undefined || sizes.every((size) => Number.isInteger(size) && size > 0)) return sizes;
  throw new Error(`--sizes is ${options.sizes}, but it must be whole numbers of tokens, such as 1000,18000.`);
}

async function measureAll(): Promise<void> {
  const { url, model } = options;
  if (url === undefined) return measureEngines();
  if (!URL.canParse(url))
    throw new Error(`--url is ${url}, but it must be an address such as http://127.0.0.1:8081.`);
  await measure({ name: new URL(url).host, url, model }, plan(SIZES.given));
}

async function measureEngines(): Promise<void> {
  const prefillTps = options.quick ? 20_000 : 2_000;
  const mlx = () => startMlx({ prefillTps, decodeTps: 60, prefillStepSize: 256 });
  await withEngine('mlx', 'mlx_lm.server', mlx, plan(SIZES.mlx));
  if (!options.quick) await withEngine('llama', 'llama.cpp', () => startLlama(), plan(SIZES.llama));
}

async function withEngine(
  part: 'mlx' | 'llama',
  name: string,
  start: () => Promise<Omit<Server, 'name'> & { stop(): Promise<void> }>,
  planned: Plan,
): Promise<void> {
  const missing = await whyNot(part, (progress) => process.stderr.write(`${progress}\n`));
  if (missing) {
    process.stderr.write(`${missing}\n`);
    process.exitCode = 1;
    return;
  }
  const engine = await start();
  try {
    await measure({ name, url: engine.url }, planned);
  } finally {
    await engine.stop();
  }
}

function toTable(all: readonly CacheRow[]): string {
  const head = [
    'server',
    'normalising',
    'request',
    'n',
    'prompt',
    'reused',
    'TTFT p50 ms',
    'p95 ms',
    'speed-up',
  ];
  return table([head, ...all.map(line)]);
}

function line(row: CacheRow): readonly string[] {
  return [
    row.server,
    row.normalising,
    row.request,
    String(row.samples),
    row.promptTokens === null ? '–' : String(row.promptTokens),
    row.cachedTokens === null ? '–' : String(row.cachedTokens),
    String(row.ttftMedianMs),
    String(row.ttftP95Ms),
    `${row.speedUp.toFixed(1)}×`,
  ];
}
