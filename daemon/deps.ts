// What the one pass works with. Everything that is an effect or a state comes in here as a value.

import type { ClaudeBackend } from '../backend/claude.ts';
import type { Guardian } from '../router/guardian.ts';
import type { Memory } from '../router/memory.ts';
import type { Outcome } from '../router/outcome.ts';
import type { StartedRequest } from '../store/row.ts';
import type { TokenEstimator } from '../wire/count.ts';
import type { Config } from './config/config.ts';
import type { Clock } from './draft.ts';
import type { Fleet } from './fleet.ts';
import type { Prompts } from './keeper/prompts.ts';
import type { Traffic } from './keeper/traffic.ts';
import type { Live } from './live.ts';

export type Deps = {
  readonly config: Config;
  readonly clock: Clock;
  readonly newRequestId: () => string;
  readonly fleet: Fleet;
  readonly claude: ClaudeBackend;
  readonly memory: Memory;
  readonly guardian: Guardian;
  readonly estimator: TokenEstimator;
  /** The conversations that go on, for what is done in their pauses. */
  readonly prompts: Prompts;
  /** What is asked of the daemon right now. */
  readonly traffic: Traffic;
  /** Aborts when the daemon has to stop before its streams have ended. */
  readonly stopping: AbortSignal;
  /** True from the first signal on: no new request is taken. */
  readonly draining: () => boolean;
  readonly live: Live;
  readonly begin: (started: StartedRequest) => void;
  readonly record: (outcome: Outcome) => void;
  /** Something a person should know, said once and shown by `status`. A sentence of a fixed set. */
  readonly note: (sentence: string) => void;
  readonly logError: (error: unknown, requestId: string) => void;
};
