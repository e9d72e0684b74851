import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type ClientSituation, clientEnvironment } from '../../cli/client-environment.ts';
import { loadConfig } from '../../daemon/config/config.ts';
import type { BackendReport, StatusReport } from '../../daemon/status.ts';

const URL_OF_DAEMON = 'http://127.0.0.1:4784';
const config = (content: object = {}) =>
  loadConfig({
    flags: {},
    env: { HOME: '/home/ada' },
    file: { path: 'config.json', text: JSON.stringify(content) },
  });

const backend = (name: string, known: Partial<BackendReport> = {}): BackendReport => ({
  ...{ name, url: 'http://127.0.0.1:1', state: 'up', model: 'm', contextWindow: 131_072 },
  ...{
    contextWindowSource: 'server',
    flavour: 'other',
    inFlight: 0,
    queued: 0,
    maxConcurrent: 2,
    lastError: null,
    startCommand: null,
    warm: null,
  },
  ...known,
});

const status = (backends: readonly BackendReport[], mode: StatusReport['mode'] = 'auto'): StatusReport => ({
  ...{
    running: true,
    pid: 1,
    url: URL_OF_DAEMON,
    version: '0.1.0',
    mode,
    uptimeS: 1,
    draining: false,
    backends,
  },
  ...{ store: { queued: 0, dropped: 0, lastError: null }, notes: [] },
  keeper: { state: 'idle', detail: 'nothing was missing so far' },
});

const both = [backend('mlx-lm'), backend('lmstudio', { contextWindow: 65_536 })];

const client = (changes: Partial<ClientSituation> = {}) =>
  clientEnvironment({
    ...{
      config: config(),
      url: URL_OF_DAEMON,
      status: status(both),
      env: {},
      cwd: '/src/shop',
      signedIn: false,
    },
    ...changes,
  });

describe('the environment of Claude Code', () => {
  it('is complete on local models, with nothing to tell where all is known', () => {
    assert.deepEqual(client(), {
      set: {
        ANTHROPIC_BASE_URL: URL_OF_DAEMON,
        ANTHROPIC_CUSTOM_HEADERS: 'x-anyclaude-project: /src/shop',
        CLAUDE_CODE_GATEWAY_HINT_HEADERS: '1',
        ANTHROPIC_AUTH_TOKEN: 'anyclaude-local',
        ANTHROPIC_MODEL: 'claude-anyclaude',
        ANTHROPIC_DEFAULT_OPUS_MODEL: 'claude-anyclaude',
        ANTHROPIC_DEFAULT_SONNET_MODEL: 'claude-anyclaude',
        ANTHROPIC_DEFAULT_HAIKU_MODEL: 'claude-anyclaude',
        CLAUDE_CODE_ENABLE_GATEWAY_MODEL_DISCOVERY: '1',
        CLAUDE_CODE_ATTRIBUTION_HEADER: '0',
        CLAUDE_CODE_MAX_CONTEXT_TOKENS: '65536',
        CLAUDE_CODE_MAX_OUTPUT_TOKENS: '16384',
        ENABLE_TOOL_SEARCH: 'false',
        API_TIMEOUT_MS: '3000000',
        CLAUDE_STREAM_IDLE_TIMEOUT_MS: '1800000',
        CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
      },
      notes: [],
    });
  });

  it('keeps to the address and the hints where everything goes to the Claude API', () => {
    assert.deepEqual(client({ config: config({ mode: 'claude' }) }), {
      set: {
        ANTHROPIC_BASE_URL: URL_OF_DAEMON,
        CLAUDE_CODE_GATEWAY_HINT_HEADERS: '1',
      },
      notes: [],
    });
  });

  it('leaves every variable that the user has set, an empty one included', () => {
    const { set } = client();
    const own = Object.fromEntries(
      Object.keys(set).map((name) => [name, name.includes('OPUS') ? '' : 'mine']),
    );
    assert.deepEqual(Object.keys(client({ env: own }).set), [
      'ANTHROPIC_BASE_URL',
      'ANTHROPIC_CUSTOM_HEADERS',
    ]);
  });

  it("replaces the user's base URL, and says so without its password", () => {
    const { set, notes } = client({ env: { ANTHROPIC_BASE_URL: 'https://me:secret@gateway.example/v1' } });
    assert.equal(set['ANTHROPIC_BASE_URL'], URL_OF_DAEMON);
    assert.deepEqual(notes, [
      `ANTHROPIC_BASE_URL was https://gateway.example; for Claude Code it is now ${URL_OF_DAEMON}.`,
    ]);
    assert.deepEqual(client({ env: { ANTHROPIC_BASE_URL: `${URL_OF_DAEMON}/` } }).notes, []);
  });

  for (const name of ['ANTHROPIC_API_KEY', 'ANTHROPIC_AUTH_TOKEN', 'CLAUDE_CODE_OAUTH_TOKEN']) {
    it(`holds no placeholder where the user has ${name}`, () => {
      assert.equal(client({ env: { [name]: 'x' } }).set['ANTHROPIC_AUTH_TOKEN'], undefined);
    });
  }

  it('holds no placeholder where Claude Code is signed in', () => {
    assert.equal(client({ signedIn: true }).set['ANTHROPIC_AUTH_TOKEN'], undefined);
  });

  it('loads tools on demand where the settings say so', () => {
    assert.equal(client({ config: config({ toolSearch: 'on' }) }).set['ENABLE_TOOL_SEARCH'], 'true');
  });

  it('keeps subagents in the foreground where a backend takes one request at a time', () => {
    const single = status([backend('mlx-lm', { maxConcurrent: 1 }), backend('lmstudio')]);
    assert.equal(client({ status: single }).set['CLAUDE_CODE_DISABLE_BACKGROUND_TASKS'], '1');
    const unused = client({ status: { ...single, mode: 'lmstudio' } });
    assert.equal(unused.set['CLAUDE_CODE_DISABLE_BACKGROUND_TASKS'], undefined);
  });

  it('warns of a variable that sends Claude Code past the daemon', () => {
    assert.match(
      client({ env: { CLAUDE_CODE_USE_BEDROCK: '1' } }).notes.join(),
      /CLAUDE_CODE_USE_BEDROCK is set/,
    );
    assert.deepEqual(client({ env: { CLAUDE_CODE_USE_BEDROCK: '0' } }).notes, []);
  });
});

describe('the headers that Claude Code is asked to send', () => {
  const headers = (changes: Partial<ClientSituation>) => client(changes).set['ANTHROPIC_CUSTOM_HEADERS'];
  const withToken = config({ token: 'a-token-of-enough-length' });

  for (const [says, changes, expected] of [
    ['the project by its path', { cwd: '/src/shop' }, 'x-anyclaude-project: /src/shop'],
    ['the root folder', { cwd: '/' }, 'x-anyclaude-project: /'],
    ['a folder beyond ASCII, encoded', { cwd: '/src/Käse 1' }, 'x-anyclaude-project: /src/K%C3%A4se 1'],
    ['a line break in a folder, encoded', { cwd: '/src/a\nb' }, 'x-anyclaude-project: /src/a%0Ab'],
    ['no project where the folder is not known', { cwd: undefined }, undefined],
    [
      "the daemon's token",
      { config: withToken },
      'x-anyclaude-project: /src/shop\nx-anyclaude-token: a-token-of-enough-length',
    ],
    [
      "the user's own first",
      { env: { ANTHROPIC_CUSTOM_HEADERS: 'X-A: 1\n\nX-B: 2\n' } },
      'X-A: 1\nX-B: 2\nx-anyclaude-project: /src/shop',
    ],
    [
      "the user's own project name",
      { env: { ANTHROPIC_CUSTOM_HEADERS: 'X-AnyClaude-Project: mine' } },
      undefined,
    ],
  ] as const satisfies readonly (readonly [string, Partial<ClientSituation>, string | undefined])[]) {
    it(`name ${says}`, () => assert.equal(headers(changes), expected));
  }
});

describe('the context window that Claude Code is told', () => {
  const cases: readonly {
    readonly fact: string;
    readonly backends: readonly BackendReport[];
    readonly mode?: StatusReport['mode'];
    readonly tokens: number;
    readonly notes: readonly RegExp[];
  }[] = [
    { fact: "is the smallest backend's", backends: both, tokens: 65_536, notes: [] },
    {
      fact: "is the only backend's where the mode is fixed to it",
      backends: both,
      mode: 'mlx-lm',
      tokens: 131_072,
      notes: [],
    },
    {
      fact: 'leaves out a backend that holds less than Claude Code needs',
      backends: [backend('mlx-lm'), backend('lmstudio', { contextWindow: 8192 })],
      tokens: 131_072,
      notes: [/^lmstudio is left out .* 8192 tokens, and Claude Code needs 32768/],
    },
    {
      fact: 'takes a backend of exactly 32,768 tokens',
      backends: [backend('mlx-lm', { contextWindow: 32_768 })],
      tokens: 32_768,
      notes: [],
    },
    {
      fact: 'is assumed to be 32,768 tokens where a backend does not tell, with a warning',
      backends: [backend('mlx-lm', { contextWindow: null, contextWindowSource: null }), backend('lmstudio')],
      tokens: 32_768,
      notes: [/^mlx-lm does not tell .* backends\.mlx-lm\.contextWindow/],
    },
    {
      fact: 'is not vouched for where the daemon itself assumed it',
      backends: [backend('mlx-lm', { contextWindow: 40_000, contextWindowSource: 'assumed' })],
      tokens: 40_000,
      notes: [/^mlx-lm does not tell its context window: 40000 tokens are assumed/],
    },
    {
      fact: 'leaves out a backend that is down and unknown',
      backends: [backend('mlx-lm', { state: 'down', contextWindow: null }), backend('lmstudio')],
      tokens: 131_072,
      notes: [/^mlx-lm does not answer/],
    },
    {
      fact: 'heeds a backend that is down but whose window is set',
      backends: [
        backend('mlx-lm', { state: 'down', contextWindow: 50_000, contextWindowSource: 'setting' }),
        backend('lmstudio'),
      ],
      tokens: 50_000,
      notes: [],
    },
    {
      fact: 'is 32,768 tokens with a warning where no backend holds enough',
      backends: [backend('mlx-lm', { contextWindow: 4096 })],
      tokens: 32_768,
      notes: [/^mlx-lm is left out/, /^No backend tells a context window of at least 32768/],
    },
  ];

  for (const { fact, backends, mode, tokens, notes } of cases) {
    it(fact, () => {
      const result = client({ status: status(backends, mode) });
      assert.equal(result.set['CLAUDE_CODE_MAX_CONTEXT_TOKENS'], String(tokens));
      assert.equal(result.notes.length, notes.length, result.notes.join('\n'));
      notes.forEach((pattern, i) => {
        assert.match(result.notes[i] ?? '', pattern);
      });
    });
  }

  it('comes from the settings while the daemon does not run', () => {
    const settings = {
      backends: { 'mlx-lm': { contextWindow: 90_000 }, lmstudio: { contextWindow: 80_000 } },
    };
    const { set, notes } = client({ status: undefined, config: config(settings) });
    assert.equal(set['CLAUDE_CODE_MAX_CONTEXT_TOKENS'], '80000');
    assert.deepEqual(notes, []);
  });

  it('leaves a quarter for the answer, unless Claude Code would take less', () => {
    const output = (contextWindow: number) =>
      client({ status: status([backend('mlx-lm', { contextWindow })]) }).set['CLAUDE_CODE_MAX_OUTPUT_TOKENS'];
    assert.equal(output(32_768), '8192');
    assert.equal(output(131_072), undefined);
  });
});
