// Which version of its program a backend is, for servers differ from one version to the next in kind. Told by a probe, or
// by the answer itself.

import type { BackendStatus } from '../backend/backend.ts';

/** Undefined where nobody tells: LM Studio does not, and gives its model's name for a fingerprint. */
export function serverVersion({ flavour, version }: BackendStatus, fingerprint = ''): string | undefined {
  if (version !== undefined) return version;
  // `0.32.2-0.32.4-Linux-…`: mlx-lm, then MLX and the machine.
  if (flavour === 'mlx-lm') return /^\d+\.\d+[^-]*/.exec(fingerprint)?.[0];
  return flavour === 'llama.cpp' ? /^b\d+-\w+$/.exec(fingerprint)?.[0] : undefined;
}
