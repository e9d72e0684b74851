// Whether this machine runs on its battery: what nobody waits for is not worth its charge.

import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** Undefined where the system does not say: a desktop, a container. Never rejects. */
export type Power = () => Promise<'battery' | 'mains' | undefined>;

/** The reason of what is not done on battery. */
export const ON_BATTERY = 'this machine runs on its battery';

const ASKED_AGAIN_AFTER_MS = 30_000;
const PATIENCE_MS = 2_000;

/** Asks the system, twice a minute at most. */
export function createPower(ask: Power = askSystem, now: () => number = () => performance.now()): Power {
  let known: { readonly answer: ReturnType<Power>; readonly atMs: number } | undefined;
  return () => {
    if (known === undefined || now() - known.atMs > ASKED_AGAIN_AFTER_MS)
      known = { answer: ask(), atMs: now() };
    return known.answer;
  };
}

function askSystem(): ReturnType<Power> {
  switch (process.platform) {
    case 'darwin':
      return askPmset();
    case 'linux':
      return readPowerSupplies('/sys/class/power_supply');
    default:
      return Promise.resolve(undefined);
  }
}

async function askPmset(): ReturnType<Power> {
  try {
    const { stdout } = await promisify(execFile)('pmset', ['-g', 'batt'], { timeout: PATIENCE_MS });
    return readPmset(stdout);
  } catch {
    return undefined;
  }
}

/** Its first line is `Now drawing from 'Battery Power'`, or `'AC Power'`. */
export function readPmset(text: string): Awaited<ReturnType<Power>> {
  const source = /Now drawing from '([^']*)'/.exec(text)?.[1];
  if (source === undefined) return undefined;
  return source.startsWith('Battery') ? 'battery' : 'mains';
}

/** One folder for each battery and each plug. */
export async function readPowerSupplies(folder: string): ReturnType<Power> {
  try {
    const names = await readdir(folder);
    const supplies = await Promise.all(names.map((name) => readSupply(join(folder, name))));
    if (supplies.some(({ type, online }) => type !== 'Battery' && online === '1')) return 'mains';
    // A mouse has a battery, too, and says so.
    const own = supplies.filter(({ type, scope }) => type === 'Battery' && scope !== 'Device');
    if (own.length === 0) return undefined;
    return own.some(({ status }) => status === 'Discharging') ? 'battery' : 'mains';
  } catch {
    return undefined;
  }
}

async function readSupply(folder: string) {
  const read = (name: string) =>
    readFile(join(folder, name), 'utf8').then(
      (text) => text.trim(),
      () => undefined,
    );
  const [type, online, status, scope] = await Promise.all(['type', 'online', 'status', 'scope'].map(read));
  return { type, online, status, scope };
}
