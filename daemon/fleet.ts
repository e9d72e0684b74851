// The configured backends and what is known of each: the router's candidates are read from here.

import type { Backend, BackendStatus } from '../backend/backend.ts';
import type { Candidate } from '../router/candidate.ts';
import type { Fault } from '../wire/error.ts';
import type { BackendConfig } from './config/config.ts';
import { createHealth, type Health } from './health.ts';

/** A backend's gate, as far as others may see it. */
export type GateLoad = { readonly idle: boolean; readonly inFlight: number; readonly queued: number };

export type Member = {
  readonly name: string;
  readonly config: BackendConfig;
  readonly backend: Backend;
  readonly gate: GateLoad;
  /** Asks who is there, without loading or generating anything. */
  readonly probe: (signal: AbortSignal) => Promise<BackendStatus>;
  /** A real 1-token completion: the only proof of life that counts. */
  readonly proveAlive: (signal: AbortSignal) => Promise<void>;
  /** The model name to ask this backend for. */
  readonly model: (status: BackendStatus) => string;
};

export type Fleet = {
  readonly members: readonly Member[];
  member(name: string): Member | undefined;
  status(name: string): BackendStatus;
  candidates(): readonly Candidate[];
  /** Probes the backends that nothing runs on; one whose generation died also has to prove that it generates. */
  probeIdle(): Promise<void>;
  /**
   * Probes again those of them that are believed down, unless that was asked less than a second ago. Resolves with
   * true as soon as one is not down any more, with false when all have been found to be.
   */
  recheckDown(names?: readonly string[]): Promise<boolean>;
  /** It kept the last who asked after it waiting: nobody should wait for it who can do without. */
  isSilent(name: string): boolean;
  /** True where some backend completed a request within the last minute, or completes one token now. */
  ready(): Promise<boolean>;
  succeeded(name: string): void;
  failed(name: string, fault: Fault, message: string): void;
  /** Stops probes that are under way. */
  close(): Promise<void>;
};

const RECHECK_AFTER_MS = 1_000;
const PROOF_LASTS_MS = 60_000;

export function createFleet(members: readonly Member[], wall: () => number): Fleet {
  const closing = new AbortController();
  const healths = new Map(
    members.map((member) => [member.name, createHealth(member, wall, closing.signal)] as const),
  );
  const health = (name: string): Health => {
    const found = healths.get(name);
    if (!found) throw new Error(`No backend is called ${name}`);
    return found;
  };
  const since = (ms: number | undefined): number => wall() - (ms ?? 0);
  const isReady = (): boolean =>
    [...healths.values()].some(({ status }) => since(status.provenAtMs) <= PROOF_LASTS_MS);

  return {
    members,
    member: (name) => members.find((member) => member.name === name),
    status: (name) => health(name).status,
    candidates: () => members.map((member) => toCandidate(member, health(member.name).status)),
    async probeIdle() {
      // Traffic tells more of a busy backend than a probe would, and is not to be held up by one.
      await Promise.all(members.filter(({ gate }) => gate.idle).map(({ name }) => health(name).probe()));
    },
    recheckDown(names = members.map(({ name }) => name)) {
      const stale = names
        .map(health)
        .filter(({ status }) => status.state === 'down' && since(status.checkedAtMs) > RECHECK_AFTER_MS);
      return anyUp(stale);
    },
    isSilent: (name) => health(name).isSilent,
    async ready() {
      if (isReady()) return true;
      const idle = members.filter(({ gate, name }) => gate.idle && health(name).status.state === 'up');
      await Promise.all(idle.map(({ name }) => health(name).prove()));
      return isReady();
    },
    succeeded: (name) => health(name).succeeded(),
    failed: (name, fault, message) => health(name).failed(fault, message),
    async close() {
      closing.abort();
      await Promise.all(members.map(({ backend }) => backend.close()));
    },
  };
}

async function anyUp(asked: readonly Health[]): Promise<boolean> {
  const probes = asked.map(async (one) => {
    await one.probe();
    if (one.status.state === 'down') throw new Error('It is still down.');
  });
  // The first of them is enough, and the others are not left unheard.
  return Promise.any(probes).then(
    () => true,
    () => false,
  );
}

function toCandidate({ name, config, model }: Member, status: BackendStatus): Candidate {
  return {
    name,
    model: model(status),
    state: status.state,
    isCloud: false,
    url: config.url,
    ...(config.startCommand === undefined ? {} : { startCommand: config.startCommand }),
    ...(status.contextWindow === undefined ? {} : { contextWindow: status.contextWindow }),
    ...(status.supportsImages === undefined ? {} : { supportsImages: status.supportsImages }),
    // mlx_lm.server reads no `tool_choice`: it may answer in plain text.
    ...(status.flavour === 'mlx-lm' ? { supportsForcedTool: false } : {}),
    ...(status.loaded === undefined ? {} : { isLoaded: status.loaded }),
    ...(status.lastError === undefined ? {} : { lastError: status.lastError }),
  };
}
