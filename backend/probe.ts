// Placeholder until the real probe lands in this file.
import type { BackendStatus } from './backend.ts';

export type Address = {
  readonly backend: string;
  readonly url: string;
  readonly apiKey?: string | undefined;
};

export async function probe({ url }: Address, signal: AbortSignal): Promise<BackendStatus> {
  try {
    const reply = await fetch(`${url}/v1/models`, {
      signal: AbortSignal.any([signal, AbortSignal.timeout(1500)]),
    });
    await reply.body?.cancel();
    return { state: 'up' };
  } catch (error) {
    return { state: 'down', lastError: String(error) };
  }
}

export async function proveAlive(
  address: Address & { readonly model: string },
  signal: AbortSignal,
): Promise<void> {
  await fetch(`${address.url}/health`, { signal });
}

export function resolveModel({
  configured,
}: {
  configured: string | undefined;
  status: BackendStatus;
}): string {
  return configured === undefined || configured === 'current-model' ? 'default_model' : configured;
}
