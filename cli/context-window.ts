// How large a context Claude Code may build up: what the smallest backend that takes part can hold.

import type { Config } from '../daemon/config/config.ts';
import type { StatusReport } from '../daemon/status.ts';

/** Below this Claude Code refuses to work or compacts after every step. */
export const LEAST_WINDOW_TOKENS = 32_768;

export type Participant = {
  readonly name: string;
  readonly maxConcurrent: number;
  readonly down: boolean;
  readonly window?: number;
  readonly assumed: boolean;
};

export type ChosenWindow = { readonly tokens: number; readonly notes: readonly string[] };

/** The backends that the mode can send requests to. */
export function participants(config: Config, status: StatusReport | undefined): readonly Participant[] {
  const mode = status?.mode ?? config.mode;
  const fixed = mode !== 'auto' && mode !== 'task' && mode !== 'shadow';
  const all = status ? status.backends.map(fromReport) : Object.values(config.backends).map(fromConfig);
  return all.filter(({ name }) => !fixed || name === mode);
}

export function chooseWindow(taking: readonly Participant[]): ChosenWindow {
  const verdicts = taking.map(judge);
  const notes = verdicts.flatMap(({ note }) => (note === undefined ? [] : [note]));
  const windows = verdicts.flatMap(({ tokens }) => (tokens === undefined ? [] : [tokens]));
  if (windows.length > 0) return { tokens: Math.min(...windows), notes };
  const last = `No backend tells a context window of at least ${LEAST_WINDOW_TOKENS} tokens: Claude Code is told ${LEAST_WINDOW_TOKENS}.`;
  return { tokens: LEAST_WINDOW_TOKENS, notes: [...notes, last] };
}

type Verdict = { readonly tokens?: number; readonly note?: string };

function judge({ name, down, window, assumed }: Participant): Verdict {
  const setting = `backends.${name}.contextWindow in config.json`;
  if (window !== undefined && window < LEAST_WINDOW_TOKENS) {
    const note = `${name} is left out of the context window: it holds ${window} tokens, and Claude Code needs ${LEAST_WINDOW_TOKENS}. Load its model with a larger context.`;
    return { note };
  }
  if (window !== undefined && !assumed) return { tokens: window };
  if (down) return { note: `${name} does not answer and is left out of the context window.` };
  const tokens = window ?? LEAST_WINDOW_TOKENS;
  return {
    tokens,
    note: `${name} does not tell its context window: ${tokens} tokens are assumed. Set ${setting}.`,
  };
}

function fromReport(backend: StatusReport['backends'][number]): Participant {
  const { name, maxConcurrent, state, contextWindow, contextWindowSource } = backend;
  return {
    ...{ name, maxConcurrent, down: state === 'down', assumed: contextWindowSource === 'assumed' },
    ...(contextWindow === null ? {} : { window: contextWindow }),
  };
}

function fromConfig({ name, maxConcurrent, contextWindow }: Config['backends'][string]): Participant {
  return {
    ...{ name, maxConcurrent, down: false, assumed: false },
    ...(contextWindow === undefined ? {} : { window: contextWindow }),
  };
}
