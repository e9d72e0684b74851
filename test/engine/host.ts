// What this machine can run: which Python there is, and whether the engines' wheels fit it.

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** `mlx`: the real mlx_lm.server. `llama`: a real llama.cpp server in LM Studio's place. */
export type EnginePart = 'mlx' | 'llama';

export type Availability =
  | { readonly ok: true; readonly python: Python }
  | { readonly ok: false; readonly reason: string };

export type Python = {
  readonly path: string;
  readonly version: readonly [major: number, minor: number, patch: number];
  readonly platform: 'linux' | 'darwin' | 'other';
  readonly machine: string;
  /** What wheels are built against: the version of glibc on Linux, of macOS on a Mac. Absent with another C library. */
  readonly base?: readonly number[];
  /** How packages can be put into a new environment; absent where Python came without both. */
  readonly installer?: 'pip' | 'ensurepip';
};

type Need = { readonly machines: readonly string[]; readonly base: readonly number[] };

const needs: Readonly<
  Record<EnginePart, { readonly name: string } & Readonly<Record<'linux' | 'darwin', Need>>>
> = {
  mlx: {
    name: 'MLX-LM',
    linux: { machines: ['x86_64', 'aarch64'], base: [2, 35] },
    darwin: { machines: ['arm64'], base: [14] },
  },
  llama: {
    name: 'llama.cpp',
    linux: { machines: ['x86_64', 'aarch64'], base: [2, 17] },
    darwin: { machines: ['arm64', 'x86_64'], base: [13] },
  },
};

/** Says whether an engine can be set up here, or in one sentence what is missing and what to do. Starts nothing. */
export async function available(part: EnginePart): Promise<Availability> {
  const python = await findPython();
  if (!python) return { ok: false, reason: 'Python 3.11 or newer was not found; install python3.' };
  const reason = obstacle(part, python);
  return reason ? { ok: false, reason } : { ok: true, python };
}

/** The first thing that keeps an engine from running on such a machine. */
export function obstacle(part: EnginePart, python: Python): string | undefined {
  const { name } = needs[part];
  if (python.platform === 'other') return `${name} has no packages for this system; it needs Linux or macOS.`;
  const { machines, base } = needs[part][python.platform];
  if (!machines.includes(python.machine))
    return `${name} has no packages for ${python.machine} on this system.`;
  const library = python.platform === 'linux' ? 'glibc' : 'macOS';
  if (!python.base) return `${name} needs ${library}; this system has another C library.`;
  if (!atLeast(python.base, base)) {
    return `${name} needs ${library} ${base.join('.')} or newer; this system has ${python.base.join('.')}.`;
  }
  if (!python.installer) return 'Python has neither pip nor ensurepip; install python3-pip or python3-venv.';
  return undefined;
}

const question = `
import json, platform, sys
from importlib.util import find_spec
libc, version = platform.libc_ver()
base = platform.mac_ver()[0] or (version if libc == "glibc" else None)
print(json.dumps({
    "path": sys.executable, "version": sys.version_info[:3], "platform": sys.platform,
    "machine": platform.machine(), "base": base,
    "installer": next((name for name in ("pip", "ensurepip") if find_spec(name)), None)}))`;

async function findPython(): Promise<Python | undefined> {
  const own = process.env['ANYCLAUDE_PYTHON'];
  const names = own ? [own] : ['python3', 'python3.13', 'python3.12', 'python3.14', 'python3.11', 'python'];
  for (const name of names) {
    const python = await ask(name);
    if (python && atLeast(python.version, [3, 11])) return python;
  }
  return undefined;
}

async function ask(name: string): Promise<Python | undefined> {
  try {
    const { stdout } = await run(name, ['-I', '-c', question], { timeout: 20_000 });
    return parsePython(stdout);
  } catch {
    return undefined;
  }
}

function parsePython(text: string): Python {
  const told = JSON.parse(text) as {
    path: string;
    version: [number, number, number];
    platform: string;
    machine: string;
    base: string | null;
    installer: 'pip' | 'ensurepip' | null;
  };
  return {
    path: told.path,
    version: told.version,
    platform: told.platform === 'linux' || told.platform === 'darwin' ? told.platform : 'other',
    machine: told.machine,
    ...(told.base && { base: told.base.split('.').map(Number) }),
    ...(told.installer && { installer: told.installer }),
  };
}

function atLeast(version: readonly number[], wanted: readonly number[]): boolean {
  for (const [at, want] of wanted.entries()) {
    const have = version[at] ?? 0;
    if (have !== want) return have > want;
  }
  return true;
}
