// What can be configured. One zod schema gives the types, the defaults, the messages of loadConfig and the
// JSON Schema that editors read. Every `error` completes the sentence "KEY is VALUE, but it must be ...".

import { z } from 'zod';
import type { Mode } from '../../router/decision.ts';

export const MODES = [
  'auto',
  'task',
  'shadow',
  'mlx-lm',
  'lmstudio',
  'claude',
] as const satisfies readonly Mode[];
/** Modes of Claude Code whose requests carry no `safeguards`, which only the Claude API can answer. */
const PERMISSION_MODES = ['acceptEdits', 'default', 'dontAsk', 'bypassPermissions'] as const;
/** Words that mean something else where a backend's name may stand, e.g. in a route override. */
const RESERVED_NAMES: readonly string[] = ['claude', 'daemon', 'analysis', 'edit', 'auto', 'task', 'shadow'];
/** Bounds the series of /metrics. */
export const MAX_BACKENDS = 6;

const whole = (from: number, to: number) => {
  const error = `a whole number from ${from} to ${to}`;
  return z.int({ error }).min(from, { error }).max(to, { error });
};
const seconds = () => {
  const error = 'seconds from 0 to 600';
  return z.number({ error }).min(0, { error }).max(600, { error });
};
const choice = <const T extends readonly [string, ...string[]]>(values: T) =>
  z.enum(values, { error: `one of ${values.join(', ')}` });
const flag = () => z.boolean({ error: 'true or false' });
const text = (what: string) => z.string({ error: what }).min(1, { error: what });
const group = <T extends z.core.$ZodLooseShape>(shape: T) => z.strictObject(shape, { error: 'an object' });

const SERVER_URL = 'an http:// or https:// address without user, query or fragment';
/** With or without a trailing slash and `/v1`: the daemon adds its own paths. */
const serverUrl = () =>
  z.string({ error: SERVER_URL }).refine(isServerUrl, { error: SERVER_URL }).overwrite(withoutApiPath);

const backend = group({
  url: serverUrl().describe('Address of the model server, with or without /v1.'),
  apiKey: text('a text that is not empty').exactOptional().describe('Sent to this server as a bearer token.'),
  model: text('a model name, or "current-model" for whatever is loaded')
    .exactOptional()
    .describe('Model to ask for; "current-model" or no value means whatever is loaded.'),
  dialect: choice(['auto', 'chat', 'anthropic'])
    .default('auto')
    .describe('Which API the server speaks: chat completions, Anthropic Messages, or found out by a probe.'),
  maxConcurrent: whole(1, 64).default(1).describe('Requests that the server is sent at once.'),
  queueLength: whole(0, 1000).default(32).describe('Requests that may wait for the server.'),
  contextWindow: whole(1024, 10_000_000)
    .exactOptional()
    .describe('Context window in tokens, where the server does not tell it.'),
  flattenSystemPrompt: flag().default(false).describe('Replace newlines in the system prompt by spaces.'),
  startCommand: text('a command line')
    .exactOptional()
    .describe(
      'Command that starts the server; shown when it does not answer. Known for mlx-lm and lmstudio on this machine.',
    ),
});

const price = () => {
  const error = 'a price, a number from 0';
  return z.number({ error }).min(0, { error });
};
const PRICED_DAY = 'a day such as 2026-01-31';
const prices = group({
  asOf: z.iso.date({ error: PRICED_DAY }).describe('The day on which these prices were looked up.'),
  currency: text('the name of a currency').default('USD').describe('What the prices are in.'),
  perMillionTokens: z
    .record(
      z.string(),
      group({
        input: price(),
        output: price(),
        cacheWrite: price().exactOptional(),
        cacheRead: price().exactOptional(),
      }),
      { error: 'an object of prices by model' },
    )
    .describe('By model, with or without the date at the end of its name.'),
});

const BACKEND_NAME = `up to 32 of a-z, 0-9 and "-", and none of ${RESERVED_NAMES.join(', ')}`;
const backendName = z
  .string()
  .regex(/^[a-z0-9-]{1,32}$/, { error: BACKEND_NAME })
  .refine((name) => !RESERVED_NAMES.includes(name), { error: BACKEND_NAME });

/**
 * mlx_lm.server decodes up to 32 requests together, but a second prompt's prefill holds up the first one's
 * tokens: two let a short side request pass a long answer, more would cost the main conversation.
 * LM Studio serves four at once by default and queues the rest out of sight.
 */
export const DEFAULT_BACKENDS = {
  'mlx-lm': { url: 'http://127.0.0.1:8081', maxConcurrent: 2 },
  lmstudio: { url: 'http://127.0.0.1:1234', maxConcurrent: 4 },
} as const;

export const configSchema = group({
  $schema: z.string().exactOptional().describe('For editors; not read.'),
  host: text('a host name or IP address')
    .default('127.0.0.1')
    .describe('Address to listen on. Anything but loopback needs a token.'),
  port: whole(0, 65535).default(4784).describe('Port to listen on; 0 takes a free one.'),
  token: z
    .string({ error: 'at least 16 characters' })
    .min(16, { error: 'at least 16 characters' })
    .exactOptional()
    .describe('What a client has to show. Needed where the daemon listens beyond loopback.'),
  allowedHosts: z
    .array(text('a host name').toLowerCase(), { error: 'a list of host names' })
    .default([])
    .describe('Further names by which clients may address the daemon (Host header).'),
  mode: choice(MODES)
    .default('auto')
    .describe(
      'auto follows the task unless that costs more than it is worth; task follows it always; shadow does so, too, ' +
        'and records what auto would have done; a name sends everything there.',
    ),
  routes: group({
    analysis: text('the name of a backend').default('mlx-lm').describe('Backend that reads and explains.'),
    edit: text('the name of a backend').default('lmstudio').describe('Backend that changes files.'),
  }).prefault({}),
  preference: group({
    editSeconds: seconds()
      .default(5)
      .describe('What it is worth, in seconds, that the edit backend makes a call that edits.'),
    analysisSeconds: seconds()
      .default(2)
      .describe('What it is worth, in seconds, that the analysis backend makes a call of an analysis turn.'),
  }).prefault({}),
  backends: z
    .record(backendName, backend.nullable(), { error: 'an object of backends by name' })
    .refine((all) => Object.keys(all).length <= MAX_BACKENDS, { error: `at most ${MAX_BACKENDS} backends` })
    .prefault(DEFAULT_BACKENDS)
    .describe(
      'Model servers by name. What is left out of mlx-lm and lmstudio keeps its default; null removes one.',
    ),
  catchUp: group({
    enabled: flag()
      .default(true)
      .describe(
        'Whether pauses are used to prefill what the other backend has missed, and what a server lost.',
      ),
    onBattery: flag().default(false).describe('Whether that is done on battery, too.'),
    maxSeconds: whole(1, 3600).default(300).describe('Longest prefill of one pause, in seconds.'),
    maxTokens: whole(1000, 2_000_000)
      .default(200_000)
      .describe('Longest conversation that is caught up with, in tokens.'),
  }).prefault({}),
  claude: group({
    baseUrl: serverUrl().default('https://api.anthropic.com').describe('Where the Claude API is reached.'),
    model: text('the name of a model of the Claude API')
      .exactOptional()
      .describe(
        'Model that the Claude API is asked for where a request names none of its own but a route of the daemon, ' +
          'as those of a Claude Code started by `run` do.',
      ),
  }).prefault({}),
  allowCloud: flag().default(false).describe('Whether the Claude API may answer where no local backend can.'),
  commitAfterMs: whole(0, 60_000)
    .default(2000)
    .describe('How long a reply is held back so that an early failure keeps its HTTP status.'),
  pingEveryMs: whole(1000, 60_000).default(5000).describe('How often a silent stream is kept alive.'),
  drainMs: whole(0, 600_000).default(30_000).describe('How long a stopping daemon lets streams finish.'),
  budgets: group({
    firstTokenMs: whole(1000, 3_600_000)
      .default(120_000)
      .describe('Silence allowed before the first token; more is allowed for a prompt known to take longer.'),
    idleMs: whole(1000, 3_600_000).default(300_000).describe('Silence allowed within a stream.'),
    loadMs: whole(1000, 3_600_000).default(600_000).describe('How long a model may take to load.'),
  }).prefault({}),
  persistPrefixes: flag()
    .default(true)
    .describe(
      "Whether the front of each project's prompt (system, tools, rules) is kept on disk, readable by you alone, so " +
        'that it is warmed after a restart. false removes what was kept, and what `serve-mlx` saved.',
    ),
  serveMlx: group({
    python: text('the path of a Python that has mlx-lm')
      .exactOptional()
      .describe('Python that `serve-mlx` runs mlx_lm.server with; looked for on the PATH where absent.'),
    keepBytes: whole(0, 1024 ** 4)
      .default(8 * 1024 ** 3)
      .describe('How much of the prompt cache `serve-mlx` keeps on disk; 0 keeps none.'),
    saveEverySeconds: whole(1, 86_400)
      .default(600)
      .describe('How long `serve-mlx` waits at least from one save to the next; at its end it always saves.'),
  }).prefault({}),
  toolSearch: choice(['off', 'on'])
    .default('off')
    .describe(
      'Whether `run` lets Claude Code load tools on demand. off keeps the tools, and so the prompt, constant.',
    ),
  permissionMode: choice(PERMISSION_MODES)
    .default('acceptEdits')
    .describe('Permission mode that `run` starts Claude Code in, unless its arguments or settings name one.'),
  retention: group({
    requestDays: whole(1, 3650).default(90).describe('Days for which every request is kept.'),
    rollupDays: whole(1, 3650).default(730).describe('Days for which the sums of each hour are kept.'),
  }).prefault({}),
  prices: prices
    .exactOptional()
    .describe('Prices of the Claude API, for `stats`. None are known unless they stand here.'),
  logLevel: choice(['error', 'warn', 'info', 'debug', 'trace'])
    .default('info')
    .describe('How much is logged.'),
  bodyLimitBytes: whole(1024, 256 * 1024 * 1024)
    .default(32 * 1024 * 1024)
    .describe('Largest request body that is read.'),
});

/** What the schema itself vouches for. */
export type Checked = z.output<typeof configSchema>;

type Frozen<T> = T extends readonly (infer Item)[]
  ? readonly Frozen<Item>[]
  : T extends object
    ? { readonly [Key in keyof T]: Frozen<T[Key]> }
    : T;

/** The URL ends neither in a slash nor in `/v1`. */
export type BackendConfig = Frozen<z.output<typeof backend>> & { readonly name: string };

/** Everything that can be set, complete and checked. */
export type Config = Frozen<Omit<Checked, '$schema' | 'backends'>> & {
  /** The state folder, an absolute path. */
  readonly home: string;
  readonly backends: Readonly<Record<string, BackendConfig>>;
};

/** JSON Schema (draft 2020-12) of config.json. */
export function configJsonSchema(): object {
  // Nothing is required in the file: the one value without a default, a backend's url, may come from DEFAULT_BACKENDS.
  const schema = z.toJSONSchema(configSchema, {
    io: 'input',
    override: ({ jsonSchema }) => {
      delete jsonSchema.required;
    },
  });
  return { title: 'anyclaude config.json', ...schema };
}

function isServerUrl(value: string): boolean {
  if (!/^https?:\/\//i.test(value) || !URL.canParse(value)) return false;
  const url = new URL(value);
  return [url.username, url.password, url.search, url.hash].every((part) => part === '');
}

function withoutApiPath(value: string): string {
  // An input that is no URL arrives here too: zod goes on to the next check after a failed one.
  if (!isServerUrl(value)) return value;
  const url = new URL(value);
  return url.origin + url.pathname.replace(/\/+$/, '').replace(/\/v1$/, '').replace(/\/+$/, '');
}
