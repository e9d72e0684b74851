import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ConfigError, configJsonSchema, loadConfig } from '../../../daemon/config/config.ts';

const PATH = '/home/ada/.anyclaude/config.json';
const file = (content: unknown) => ({
  path: PATH,
  text: typeof content === 'string' ? content : JSON.stringify(content),
});
type Sources = Partial<Parameters<typeof loadConfig>[0]>;
const load = ({ env, ...rest }: Sources = {}) =>
  loadConfig({ flags: {}, ...rest, env: { HOME: '/home/ada', ...env } });

function refusal(sources: Sources): ConfigError {
  try {
    load(sources);
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    return error;
  }
  return assert.fail('the configuration was accepted');
}

describe('configuration', () => {
  it('is complete without any setting', () => {
    const config = load();
    assert.equal(config.home, '/home/ada/.anyclaude');
    assert.equal(config.host, '127.0.0.1');
    assert.equal(config.port, 4784);
    assert.equal(config.mode, 'auto');
    assert.equal(config.allowCloud, false);
    assert.deepEqual(config.routes, { analysis: 'mlx-lm', edit: 'lmstudio' });
    assert.equal(config.backends['mlx-lm']?.url, 'http://127.0.0.1:8081');
    assert.equal(config.backends['lmstudio']?.url, 'http://127.0.0.1:1234');
    assert.equal(config.backends['lmstudio']?.name, 'lmstudio');
    assert.equal(config.token, undefined);
  });

  it('knows how its servers are started at their own ports, and of none on another machine', () => {
    const commands = (env: Record<string, string>) => {
      const { backends } = load({ env });
      return [backends['mlx-lm']?.startCommand, backends['lmstudio']?.startCommand];
    };
    assert.deepEqual(commands({}), [
      'mlx_lm.server --model <path> --port 8081',
      'lms server start --port 1234',
    ]);
    assert.deepEqual(commands({ MLX_LM_URL: 'http://[::1]:18081/v1', LMSTUDIO_URL: 'http://localhost' }), [
      'mlx_lm.server --model <path> --port 18081',
      'lms server start --port 80',
    ]);
    const away = { MLX_LM_URL: 'http://studio.local:8081', LMSTUDIO_URL: 'http://192.168.1.9:1234' };
    assert.deepEqual(commands(away), [undefined, undefined]);
    const own = file({ backends: { 'mlx-lm': { startCommand: 'ssh studio serve' } } });
    assert.equal(load({ env: away, file: own }).backends['mlx-lm']?.startCommand, 'ssh studio serve');
  });

  it('takes a flag before the environment, the environment before the file, the file before the default', () => {
    const written = file({ mode: 'task', port: 5001, drainMs: 1000 });
    const env = { ANYCLAUDE_MODE: 'mlx-lm', ANYCLAUDE_PORT: '5002' };
    const config = load({ file: written, env, flags: { port: '5003' } });
    assert.equal(config.port, 5003);
    assert.equal(config.mode, 'mlx-lm');
    assert.equal(config.drainMs, 1000);
    assert.equal(config.pingEveryMs, 5000);
  });

  it('takes an empty variable for one that is not set', () => {
    assert.equal(load({ file: file({ port: 5001 }), env: { ANYCLAUDE_PORT: '' } }).port, 5001);
  });

  it('understands every variable of the old guide', () => {
    const config = load({
      env: {
        ANYCLAUDE_MODE: 'lmstudio',
        ANYCLAUDE_PORT: '49152',
        ANYCLAUDE_DEBUG: '1',
        MLX_LM_URL: 'http://localhost:8081/v1',
        MLX_LM_API_KEY: 'mlx-lm',
        MLX_LM_MODEL: 'current-model',
        LMSTUDIO_URL: 'http://localhost:1234/v1/',
        LMSTUDIO_API_KEY: 'lm-studio',
        LMSTUDIO_MODEL: 'qwen3-coder-30b',
      },
    });
    assert.equal(config.mode, 'lmstudio');
    assert.equal(config.port, 49152);
    assert.equal(config.logLevel, 'debug');
    const { 'mlx-lm': mlx, lmstudio } = config.backends;
    assert.deepEqual(
      [mlx?.url, mlx?.apiKey, mlx?.model],
      ['http://localhost:8081', 'mlx-lm', 'current-model'],
    );
    assert.deepEqual(
      [lmstudio?.url, lmstudio?.apiKey, lmstudio?.model],
      ['http://localhost:1234', 'lm-studio', 'qwen3-coder-30b'],
    );
  });

  for (const [level, name] of [
    ['0', 'info'],
    ['1', 'debug'],
    ['2', 'trace'],
    ['3', 'trace'],
  ]) {
    it(`logs at ${name} with ANYCLAUDE_DEBUG=${level}`, () => {
      assert.equal(load({ env: { ANYCLAUDE_DEBUG: level } }).logLevel, name);
    });
  }

  for (const [written, read] of [
    ['http://127.0.0.1:1234', 'http://127.0.0.1:1234'],
    ['http://127.0.0.1:1234/', 'http://127.0.0.1:1234'],
    ['http://127.0.0.1:1234/v1', 'http://127.0.0.1:1234'],
    ['http://127.0.0.1:1234/v1//', 'http://127.0.0.1:1234'],
    ['https://models.example/llm/v1/', 'https://models.example/llm'],
    ['http://[::1]:1234/v1', 'http://[::1]:1234'],
  ]) {
    it(`reads the backend address ${written} as ${read}`, () => {
      assert.equal(load({ env: { LMSTUDIO_URL: written } }).backends['lmstudio']?.url, read);
    });
  }

  it('keeps the defaults of a backend of which the file says only a part', () => {
    const { lmstudio } = load({ file: file({ backends: { lmstudio: { model: 'm' } } }) }).backends;
    assert.equal(lmstudio?.url, 'http://127.0.0.1:1234');
    assert.equal(lmstudio?.maxConcurrent, 4);
    assert.equal(lmstudio?.model, 'm');
  });

  it('adds a backend by name and removes one by null', () => {
    const backends = { 'mlx-lm': null, vllm: { url: 'http://10.0.0.5:8000' } };
    const config = load({ file: file({ backends, routes: { analysis: 'vllm' } }) });
    assert.deepEqual(Object.keys(config.backends).sort(), ['lmstudio', 'vllm']);
    assert.equal(config.backends['vllm']?.maxConcurrent, 1);
  });

  it('lets its own address be named in the Host header, but never a wildcard', () => {
    const token = 'a-token-of-enough-length';
    assert.deepEqual(load({ file: file({ host: '192.168.1.7', token }) }).allowedHosts, ['192.168.1.7']);
    assert.deepEqual(load({ file: file({ host: '0.0.0.0', token }) }).allowedHosts, []);
  });

  it('resolves ANYCLAUDE_HOME, a tilde included', () => {
    assert.equal(load({ env: { ANYCLAUDE_HOME: '~/state/any' } }).home, '/home/ada/state/any');
  });
});

const BACKEND_SETTINGS =
  'url, apiKey, model, dialect, maxConcurrent, queueLength, contextWindow, flattenSystemPrompt, startCommand';

const WRONG: readonly (Sources & { readonly says: string | RegExp; readonly source: string })[] = [
  {
    env: { ANYCLAUDE_PORT: 'abc' },
    says: 'ANYCLAUDE_PORT is "abc", but it must be a whole number from 0 to 65535.',
    source: 'environment',
  },
  {
    flags: { port: '70000' },
    says: '--port is 70000, but it must be a whole number from 0 to 65535.',
    source: 'flag',
  },
  {
    flags: { mode: 'atuo' },
    says: '--mode is "atuo", but it must be one of auto, task, shadow, mlx-lm, lmstudio, claude.',
    source: 'flag',
  },
  {
    env: { ANYCLAUDE_DEBUG: '9' },
    says: 'ANYCLAUDE_DEBUG is "9", but it must be one of 0, 1, 2, 3.',
    source: 'environment',
  },
  {
    env: { LMSTUDIO_URL: 'localhost:1234' },
    says: /^LMSTUDIO_URL is "localhost:1234", but it must be an http:\/\/ or https:\/\/ address/,
    source: 'environment',
  },
  { file: file('{"mode": '), says: new RegExp(`^${PATH} is not valid JSON: `), source: 'file' },
  { file: file([]), says: `${PATH} must hold one JSON object, e.g. {"mode": "auto"}.`, source: 'file' },
  {
    file: file({ prot: 1 }),
    says: /^"prot" in .*config.json is not a setting. Did you mean "port"\? Allowed here: host, port,/,
    source: 'file',
  },
  {
    file: file('{"__proto__": {"port": 1}}'),
    says: /^"__proto__" in .* is not a setting\. Allowed here: /,
    source: 'file',
  },
  {
    file: file({ backends: { lmstudio: { maxconcurrent: 3 } } }),
    says: `"backends.lmstudio.maxconcurrent" in ${PATH} is not a setting. Did you mean "maxConcurrent"? Allowed here: ${BACKEND_SETTINGS}.`,
    source: 'file',
  },
  {
    file: file({ budgets: { idle: 3 } }),
    says: /Did you mean "idleMs"\? Allowed here: firstTokenMs, idleMs, loadMs\.$/,
    source: 'file',
  },
  { file: file({ mode: null }), says: /^"mode" in .* is null, but it must be one of /, source: 'file' },
  {
    file: file({ port: '4784' }),
    says: /^"port" in .* is "4784", but it must be a whole number/,
    source: 'file',
  },
  {
    file: file({ backends: [] }),
    says: /^"backends" in .* is \[\], but it must be an object of backends by name\.$/,
    source: 'file',
  },
  {
    file: file({ backends: { vllm: {} } }),
    says: /^"backends\.vllm\.url" in .* is missing: it must be an http/,
    source: 'file',
  },
  {
    file: file({ backends: { VLLM: { url: 'http://a' } } }),
    says: /^"backends\.VLLM" in .* is not a name that can be used: /,
    source: 'file',
  },
  {
    file: file({ backends: { claude: { url: 'http://a' } } }),
    says: /^"backends\.claude" in .* is not a name that can be used: /,
    source: 'file',
  },
  {
    file: file({
      backends: Object.fromEntries('abcdefgh'.split('').map((name) => [name, { url: 'http://a' }])),
    }),
    says: /^"backends" in .* but it must be at most 6 backends\.$/,
    source: 'file',
  },
  {
    file: file({ routes: { edit: 'vllm' } }),
    says: /^"routes\.edit" in .* is "vllm", but it must be one of the backends: mlx-lm, lmstudio\.$/,
    source: 'file',
  },
  {
    file: file({ backends: { lmstudio: null }, routes: { edit: 'mlx-lm' } }),
    env: { ANYCLAUDE_MODE: 'lmstudio' },
    says: 'ANYCLAUDE_MODE is "lmstudio", but it must be auto, task, shadow, claude or a backend that exists.',
    source: 'environment',
  },
  {
    env: { ANYCLAUDE_HOST: '0.0.0.0' },
    says: /^ANYCLAUDE_HOST is "0\.0\.0\.0", but it must be a loopback address .* ANYCLAUDE_TOKEN/,
    source: 'environment',
  },
  {
    file: file({ retention: { requestDays: 90, rollupDays: 30 } }),
    says: `"retention.rollupDays" in ${PATH} is 30, but it must be at least retention.requestDays, 90.`,
    source: 'file',
  },
  {
    file: file({ retention: { requestDays: 0 } }),
    says: /^"retention\.requestDays" in .* is 0, but it must be a whole number from 1 to 3650\.$/,
    source: 'file',
  },
  {
    file: file({ prices: { asOf: 'today', perMillionTokens: {} } }),
    says: /^"prices\.asOf" in .* is "today", but it must be a day such as 2026-01-31\.$/,
    source: 'file',
  },
  {
    file: file({ prices: { asOf: '2026-01-31', perMillionTokens: { m: { input: -1, output: 1 } } } }),
    says: /^"prices\.perMillionTokens\.m\.input" in .* is -1, but it must be a price, a number from 0\.$/,
    source: 'file',
  },
  { flags: { host: '::' }, says: /^--host is "::", but it must be a loopback address/, source: 'flag' },
  {
    flags: { host: '127.evil.example' },
    says: /^--host is "127\.evil\.example", but it must be a loopback address/,
    source: 'flag',
  },
];

describe('a wrong configuration', () => {
  for (const { says, source, ...sources } of WRONG) {
    it(`is told in one sentence: ${typeof says === 'string' ? says : says.source}`, () => {
      const error = refusal(sources);
      if (typeof says === 'string') assert.equal(error.message, says);
      else assert.match(error.message, says);
      assert.equal(error.source, source);
      assert.doesNotMatch(error.message, /\n/);
    });
  }

  it('is refused in the file even where a flag would win over it', () => {
    assert.match(refusal({ file: file({ port: 'x' }), flags: { port: '5000' } }).message, /^"port" in /);
  });

  it('never shows a secret', () => {
    const secret = 'hunter2';
    const wrong = [
      refusal({ env: { ANYCLAUDE_TOKEN: secret } }),
      refusal({ file: file({ backends: { lmstudio: { apiKey: [secret] } } }) }),
      refusal({ env: { LMSTUDIO_URL: `http://me:${secret}@127.0.0.1:1234` } }),
    ];
    for (const { message } of wrong) {
      assert.doesNotMatch(message, /hunter2/);
      assert.match(message, /cannot be used: it must be /);
    }
  });
});

describe('the JSON Schema of config.json', () => {
  const schema = JSON.parse(JSON.stringify(configJsonSchema()));

  it('describes every setting and names its default', () => {
    assert.equal(schema.properties.port.default, 4784);
    assert.deepEqual(schema.properties.mode.enum, ['auto', 'task', 'shadow', 'mlx-lm', 'lmstudio', 'claude']);
    assert.equal(schema.additionalProperties, false);
    for (const [name, property] of Object.entries<{ description?: string; properties?: object }>(
      schema.properties,
    )) {
      assert.ok(property.description ?? property.properties, `${name} is not described`);
    }
  });

  it('asks for nothing that the defaults give, and lets the file name its schema', () => {
    assert.doesNotMatch(JSON.stringify(schema), /"required"/);
    assert.equal(load({ file: file({ $schema: './schema.json' }) }).port, 4784);
  });
});
