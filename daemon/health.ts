// What is believed of one backend right now. Probes and real traffic meet here; it never decides anything.

import type { BackendStatus } from '../backend/backend.ts';
import type { Fault } from '../wire/error.ts';
import type { BackendConfig } from './config/config.ts';
import type { Member } from './fleet.ts';

export type Health = {
  readonly status: BackendStatus;
  /** The probe under way, else the last one, takes longer than one of a server that answers or is not there. */
  readonly isSilent: boolean;
  /** One probe at a time: whoever asks meanwhile waits for the same answer. */
  probe(): Promise<void>;
  /** Lets it generate one token. */
  prove(): Promise<void>;
  succeeded(): void;
  failed(fault: Fault, message: string): void;
};

const PROOF_BUDGET_MS = 5_000;
const SILENT_AFTER_MS = 300;
/** Faults in a row after which a backend that still answers its probes is not believed any more. */
const STRIKES = 3;

type Belief = { status: BackendStatus; strikes: number; needsProof: boolean; isSilent: boolean };

/** `closing` stops what is under way. */
export function createHealth(member: Member, wall: () => number, closing: AbortSignal): Health {
  const belief: Belief = {
    status: configured(member.config),
    strikes: 0,
    needsProof: false,
    isSilent: false,
  };
  let probing: { readonly sinceMs: number; readonly ended: Promise<void> } | undefined;

  async function probe(): Promise<void> {
    const seen = await look();
    // A server that computes a long prefill may be too busy to answer a probe: that is not being down.
    if (seen.state === 'down' && member.gate.inFlight > 0 && belief.status.state === 'up') return;
    const { provenAtMs } = belief.status;
    belief.status = {
      ...configured(member.config),
      ...seen,
      checkedAtMs: wall(),
      ...(provenAtMs === undefined ? {} : { provenAtMs }),
    };
    if (belief.needsProof && seen.state === 'up') await prove();
  }

  /** A machine that computes a prefill may be slow to answer: one that was up is asked again before silence counts. */
  async function look(): Promise<BackendStatus> {
    const sinceMs = wall();
    const seen = await member.probe(closing);
    const isDoubtful =
      seen.state === 'down' && belief.status.state === 'up' && wall() - sinceMs > SILENT_AFTER_MS;
    return isDoubtful ? member.probe(closing) : seen;
  }

  async function prove(): Promise<void> {
    try {
      await member.proveAlive(AbortSignal.any([closing, AbortSignal.timeout(PROOF_BUDGET_MS)]));
      believe(belief, wall());
    } catch (error) {
      doubt(belief, error instanceof Error ? error.message : String(error));
    }
  }

  return {
    get status() {
      return belief.status;
    },
    get isSilent() {
      return probing && wall() - probing.sinceMs > SILENT_AFTER_MS ? true : belief.isSilent;
    },
    probe() {
      if (probing) return probing.ended;
      const sinceMs = wall();
      const ended = probe().finally(() => {
        belief.isSilent = wall() - sinceMs > SILENT_AFTER_MS;
        probing = undefined;
      });
      probing = { sinceMs, ended };
      return ended;
    },
    prove,
    succeeded: () => believe(belief, wall()),
    failed(fault, message) {
      if (isAboutTheBackend(fault)) strike(belief, { fault, message, nowMs: wall() });
    },
  };
}

function believe(belief: Belief, nowMs: number): void {
  const { lastError: _forgotten, ...status } = belief.status;
  belief.status = { ...status, state: 'up', provenAtMs: nowMs };
  belief.strikes = 0;
  belief.needsProof = false;
}

function doubt(belief: Belief, lastError: string): void {
  belief.status = { ...belief.status, state: 'down', lastError };
}

function strike(
  belief: Belief,
  { fault, message, nowMs }: { fault: Fault; message: string; nowMs: number },
): void {
  belief.strikes += 1;
  belief.status = { ...belief.status, lastError: message, checkedAtMs: nowMs };
  if (fault === 'loading') {
    belief.status = { ...belief.status, state: 'loading' };
  } else if (fault === 'connect') {
    doubt(belief, message);
  } else if (fault === 'dead' || fault === 'stalled' || belief.strikes >= STRIKES) {
    // Its probes may go on answering 200: only a token will do.
    belief.needsProof = true;
    doubt(belief, message);
  }
}

function configured(config: BackendConfig): BackendStatus {
  return {
    state: 'unknown',
    ...(config.contextWindow === undefined
      ? {}
      : { contextWindow: config.contextWindow, contextWindowSource: 'setting' as const }),
  };
}

/** A request that is wrong or too large says nothing of the backend's health. */
function isAboutTheBackend(fault: Fault): boolean {
  switch (fault) {
    case 'overflow':
    case 'rejected':
    case 'bad-tool-call':
    case 'queue-full':
    case 'draining':
    case 'internal':
    case 'rate-limited':
      return false;
    case 'connect':
    case 'loading':
    case 'dead':
    case 'unauthorised':
    case 'overloaded':
    case 'status':
    case 'protocol':
    case 'truncated':
    case 'reset':
    case 'empty':
    case 'stalled':
      return true;
    default:
      return fault satisfies never;
  }
}
