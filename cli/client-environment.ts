// What Claude Code has to be told so that it works well with the daemon: pure, one table of variables with
// the reason for each. A variable that the user has set stays as it is; only the base URL is replaced.

import type { Config, Environment } from '../daemon/config/config.ts';
import type { StatusReport } from '../daemon/status.ts';
import { PLACEHOLDER_CREDENTIAL } from '../wire/caller.ts';
import { chooseWindow, participants } from './context-window.ts';

export type ClientSituation = {
  readonly config: Config;
  /** Where the daemon is, or will be. */
  readonly url: string;
  /** Undefined where the daemon does not run. */
  readonly status: StatusReport | undefined;
  readonly env: Environment;
  /** The folder that it is started in; undefined where that is not known, and may change. */
  readonly cwd: string | undefined;
  /** Whether Claude Code has credentials of its own outside the environment. */
  readonly signedIn: boolean;
};

export type ClientEnvironment = {
  readonly set: Readonly<Record<string, string>>;
  /** What the user should know, a sentence each. */
  readonly notes: readonly string[];
};

const ROUTED_MODEL = 'claude-anyclaude';
/** What Claude Code reserves for an answer of an unknown model. */
const CLIENT_OUTPUT_TOKENS = 32_000;

export function clientEnvironment(situation: ClientSituation): ClientEnvironment {
  const { config, env } = situation;
  const local = config.mode === 'claude' ? { set: {}, notes: [] } : localEnvironment(situation);
  const wanted: Readonly<Record<string, string>> = { ...sharedVariables(), ...local.set };
  const kept = Object.entries(wanted).filter(([name]) => env[name] === undefined);
  return {
    set: {
      ANTHROPIC_BASE_URL: situation.url,
      ...customHeaders(situation),
      ...Object.fromEntries(kept),
    },
    notes: [...replacedBaseUrl(situation), ...bypasses(env), ...local.notes],
  };
}

function sharedVariables(): Readonly<Record<string, string>> {
  return {
    // Says of each request whether it is the main thread, a subagent or a compaction, and which user turn it serves.
    CLAUDE_CODE_GATEWAY_HINT_HEADERS: '1',
  };
}

function localEnvironment(situation: ClientSituation): ClientEnvironment {
  const { config, status } = situation;
  const taking = participants(config, status);
  const { tokens, notes } = chooseWindow(taking);
  const set: Record<string, string> = {
    ...credential(situation),
    // One model name for every tier: each name has its own prompt and tools, and the unknown one has the shortest.
    ANTHROPIC_MODEL: ROUTED_MODEL,
    ANTHROPIC_DEFAULT_OPUS_MODEL: ROUTED_MODEL,
    ANTHROPIC_DEFAULT_SONNET_MODEL: ROUTED_MODEL,
    ANTHROPIC_DEFAULT_HAIKU_MODEL: ROUTED_MODEL,
    // Fills the model picker with the daemon's routes.
    CLAUDE_CODE_ENABLE_GATEWAY_MODEL_DISCOVERY: '1',
    // The billing block stands at the very front of the prompt and differs between requests.
    CLAUDE_CODE_ATTRIBUTION_HEADER: '0',
    // Without it a window of a million tokens is assumed, and nothing is compacted in time.
    CLAUDE_CODE_MAX_CONTEXT_TOKENS: String(tokens),
    ENABLE_TOOL_SEARCH: config.toolSearch === 'on' ? 'true' : 'false',
    // A long prefill is not a dead connection: the daemon pings, and has budgets of its own.
    API_TIMEOUT_MS: '3000000',
    CLAUDE_STREAM_IDLE_TIMEOUT_MS: '1800000',
    // Suggestions and the like would take the model's slot; telemetry would leave the machine.
    CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
  };
  const outputTokens = Math.floor(tokens / 4);
  if (outputTokens < CLIENT_OUTPUT_TOKENS) set['CLAUDE_CODE_MAX_OUTPUT_TOKENS'] = String(outputTokens);
  // On a single slot a background subagent and the main thread only push each other out of the cache.
  if (taking.some(({ maxConcurrent }) => maxConcurrent === 1))
    set['CLAUDE_CODE_DISABLE_BACKGROUND_TASKS'] = '1';
  return { set, notes };
}

function credential({ env, signedIn }: ClientSituation): Readonly<Record<string, string>> {
  const own = ['ANTHROPIC_API_KEY', 'ANTHROPIC_AUTH_TOKEN', 'CLAUDE_CODE_OAUTH_TOKEN'];
  if (signedIn || own.some((name) => env[name])) return {};
  // Nothing checks it unless the daemon has a token, which travels in a header of its own.
  // Not ANTHROPIC_API_KEY: an interactive Claude Code asks whether a key that it does not know is to be used.
  return { ANTHROPIC_AUTH_TOKEN: PLACEHOLDER_CREDENTIAL };
}

/** The user's own headers first, as they are; those that name one of ours win over it. */
function customHeaders({ env, cwd, config }: ClientSituation): Readonly<Record<string, string>> {
  const own = (env['ANTHROPIC_CUSTOM_HEADERS'] ?? '').split('\n').filter((line) => line.trim() !== '');
  const named = own.map((line) => line.split(':')[0]?.trim().toLowerCase());
  const ours = {
    // The same text that the daemon reads in the prompt of a client that was not started by `run`.
    ...(config.mode === 'claude' || cwd === undefined ? {} : { 'x-anyclaude-project': headerText(cwd) }),
    ...(config.token === undefined ? {} : { 'x-anyclaude-token': config.token }),
  };
  const added = Object.entries(ours).filter(([name]) => !named.includes(name));
  if (added.length === 0) return {};
  return {
    ANTHROPIC_CUSTOM_HEADERS: [...own, ...added.map(([name, value]) => `${name}: ${value}`)].join('\n'),
  };
}

/** Header values are printable ASCII: the rest is percent-encoded. */
function headerText(value: string): string {
  return value.toWellFormed().replace(/[^\x20-\x7e]+/g, encodeURIComponent);
}

function replacedBaseUrl({ env, url }: ClientSituation): readonly string[] {
  const earlier = env['ANTHROPIC_BASE_URL'];
  if (!earlier || earlier.replace(/\/+$/, '') === url) return [];
  const shown = URL.canParse(earlier) ? new URL(earlier).origin : 'a value that is no URL';
  return [`ANTHROPIC_BASE_URL was ${shown}; for Claude Code it is now ${url}.`];
}

function bypasses(env: Environment): readonly string[] {
  return ['CLAUDE_CODE_USE_BEDROCK', 'CLAUDE_CODE_USE_VERTEX', 'CLAUDE_CODE_USE_FOUNDRY']
    .filter((name) => env[name] && env[name] !== '0')
    .map(
      (name) =>
        `${name} is set: Claude Code will go there and not to the daemon. Unset it to use the daemon.`,
    );
}
