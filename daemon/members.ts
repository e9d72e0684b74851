// The configured backends, built: each with its gate, its dialect and the way to ask after it.

import type { Backend, BackendStatus } from '../backend/backend.ts';
import { type ChatBackendOptions, createChatBackend } from '../backend/chat.ts';
import { createGate } from '../backend/gate.ts';
import { createNativeBackend } from '../backend/native.ts';
import { probe, resolveModel } from '../backend/probe.ts';
import { proveAlive } from '../backend/proof.ts';
import type { BackendConfig, Config } from './config/config.ts';
import type { Member } from './fleet.ts';

/** A machine that computes fewer prompt tokens a second than this has given up, not begun. */
const SLOWEST_PREFILL_TPS = 50;

/** `statusOf` tells what is known of a backend by now. */
export function createMembers(config: Config, statusOf: (name: string) => BackendStatus): readonly Member[] {
  return Object.entries(config.backends).map(([name, backend]) =>
    createMember(name, backend, { config, status: () => statusOf(name) }),
  );
}

type Surroundings = { readonly config: Config; readonly status: () => BackendStatus };

function createMember(name: string, backend: BackendConfig, { config, status }: Surroundings): Member {
  const { url, apiKey, maxConcurrent, queueLength } = backend;
  const gate = createGate({ backend: name, maxConcurrent, maxQueued: queueLength });
  const address = { backend: name, url, apiKey };
  const model = (known: BackendStatus) => resolveModel({ configured: backend.model, status: known });
  const options: ChatBackendOptions = {
    name,
    url,
    apiKey,
    gate,
    status,
    flattenSystemPrompt: backend.flattenSystemPrompt ? 'flatten' : 'keep',
    budgets: budgetsOf(config),
  };
  return {
    name,
    config: backend,
    gate,
    model,
    backend: openAs(backend.dialect, options),
    probe: (signal) => timed(() => probe({ ...address, model: backend.model }, signal)),
    proveAlive: (signal) => proveAlive({ ...address, gate, model: model(status()) }, signal),
  };
}

async function timed(ask: () => Promise<BackendStatus>): Promise<BackendStatus> {
  const startedMs = performance.now();
  const status = await ask();
  return { ...status, probeMs: performance.now() - startedMs };
}

/** `auto` is chat: every server here speaks it, and its cache behaviour is the one that was measured. */
function openAs(dialect: BackendConfig['dialect'], options: ChatBackendOptions): Backend {
  return dialect === 'anthropic' ? createNativeBackend(options) : createChatBackend(options);
}

function budgetsOf({ budgets }: Config): ChatBackendOptions['budgets'] {
  return {
    firstTokenMs: (promptTokens) =>
      Math.max(budgets.firstTokenMs, (promptTokens / SLOWEST_PREFILL_TPS) * 1000),
    idleMs: budgets.idleMs,
    loadMs: budgets.loadMs,
  };
}
