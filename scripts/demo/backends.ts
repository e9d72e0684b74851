// The two model servers of `npm start`: a person's own where they answer, small real stand-ins where they do not.

import type { Config } from '../../daemon/config/config.ts';
import { available, type Engine, startMlx } from '../../test/engine/engines.ts';

export type Role = 'mlx-lm' | 'lmstudio';
export const ROLES: readonly Role[] = ['mlx-lm', 'lmstudio'];
export const TITLES: Readonly<Record<Role, string>> = { 'mlx-lm': 'MLX-LM', lmstudio: 'LM Studio' };

const ANSWER_WITHIN_MS = 1_000;

/** Whether anything answers HTTP at the address that is configured for this role. */
export async function answers({ backends }: Config, role: Role): Promise<boolean> {
  const url = backends[role]?.url;
  if (url === undefined) return false;
  try {
    const reply = await fetch(`${url}/v1/models`, { signal: AbortSignal.timeout(ANSWER_WITHIN_MS) });
    await reply.body?.cancel();
    return true;
  } catch {
    return false;
  }
}

/** Undefined where this machine can run stand-ins, else the reason in words. */
export async function whyNoStandIn(): Promise<string | undefined> {
  const can = await available('mlx');
  return can.ok ? undefined : can.reason;
}

/**
 * A real mlx_lm.server with the scripted model, in either role: both sides then show a real prompt cache, and
 * the edit in the sample session is a sensible one. About 2,000 prompt tokens a second, so that a cold prefill
 * can be felt.
 */
export function startStandIn(progress: (line: string) => void): Promise<Engine> {
  return startMlx({ prefillTps: 2_000, decodeTps: 80, progress });
}
