import assert from 'node:assert/strict';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { anyclaude, newPlace, type Place } from './anyclaude.ts';

const places: Place[] = [];
after(() => {
  for (const place of places) place.remove();
});
function placeWith(env: NodeJS.ProcessEnv = {}): Place {
  const place = newPlace(env);
  places.push(place);
  return place;
}

describe('the command line', () => {
  const place = placeWith();

  for (const args of [
    [],
    ['nonsense'],
    ['status', '--nonsense'],
    ['start', '--port'],
    ['logs', '-n', 'few'],
    ['explain', '--nope'],
    ['explain', '-1', '--jsn'],
    ['explain', '-0'],
    ['session', '-1.5'],
    ['session', '--nope'],
    ['start', '--port', 'x'],
  ]) {
    it(`ends with 2 and a word on stderr for a usage error: ${args.join(' ') || 'no command'}`, async () => {
      const { code, stdout, stderr } = await anyclaude(place, ...args);
      assert.equal(code, 2);
      assert.equal(stdout, '');
      assert.notEqual(stderr, '');
    });
  }

  it('names the bound of a number that is too large', async () => {
    const { code, stderr } = await anyclaude(place, 'logs', '-n', '99999999');
    assert.deepEqual([code, stderr], [2, '--lines takes a whole number to 999999, not "99999999".\n']);
  });

  for (const args of [['--help'], ['--version'], ['run', '--help']]) {
    it(`ends with 0 and answers on stdout: ${args.join(' ')}`, async () => {
      const { code, stdout, stderr } = await anyclaude(place, ...args);
      assert.deepEqual([code, stderr], [0, '']);
      assert.notEqual(stdout, '');
    });
  }

  for (const args of [['status'], ['stop'], ['status', '--json']]) {
    it(`ends with 3 where no daemon runs: ${args.join(' ')}`, async () => {
      const { code, stdout, stderr } = await anyclaude(place, ...args);
      assert.equal(code, 3);
      if (args.includes('--json')) assert.deepEqual(JSON.parse(stdout), { schema: 1, running: false });
      else assert.match(stderr, /anyclaude is not running/);
    });
  }

  it('leaves no trace of commands that only look', () => {
    assert.equal(existsSync(place.home), false);
  });
});

describe('config', () => {
  it('prints a JSON Schema', async () => {
    const { code, stdout } = await anyclaude(placeWith(), 'config', 'schema');
    assert.equal(code, 0);
    assert.equal(JSON.parse(stdout).properties.mode.default, 'auto');
  });

  it('shows what is in force, and no secret', async () => {
    const place = placeWith({ LMSTUDIO_API_KEY: 'sk-secret', ANYCLAUDE_TOKEN: 'a-token-of-enough-length' });
    const { code, stdout } = await anyclaude(place, 'config', 'show', '--mode', 'task');
    assert.equal(code, 0);
    assert.doesNotMatch(stdout, /sk-secret|a-token-of/);
    const shown = JSON.parse(stdout);
    assert.deepEqual([shown.mode, shown.token, shown.backends.lmstudio.apiKey], ['task', '(set)', '(set)']);
  });

  it('tells its path, and whether what is there is right', async () => {
    const place = placeWith();
    const path = join(place.home, 'config.json');
    assert.equal((await anyclaude(place, 'config', 'path')).stdout, `${path}\n`);
    assert.equal((await anyclaude(place, 'config', 'check')).code, 0);
    mkdirSync(place.home);
    writeFileSync(path, '{"mode":"warm"}');
    const { code, stderr } = await anyclaude(place, 'config', 'check');
    assert.equal(code, 1);
    assert.equal(
      stderr,
      `anyclaude: "mode" in ${path} is "warm", but it must be one of auto, task, shadow, mlx-lm, lmstudio, claude.\n`,
    );
  });
});

describe('a wrong setting', () => {
  for (const command of [['start'], ['start', '--foreground'], ['env']]) {
    it(`keeps ${command.join(' ')} from doing anything`, async () => {
      const place = placeWith({ ANYCLAUDE_HOST: '0.0.0.0' });
      const { code, stdout, stderr } = await anyclaude(place, ...command);
      assert.deepEqual([code, stdout], [1, '']);
      assert.match(stderr, /^anyclaude: ANYCLAUDE_HOST is "0\.0\.0\.0", but it must be .*\n$/);
      assert.equal(existsSync(place.home), false);
    });
  }
});

describe('env', () => {
  it('prints exports that a shell reads back as they were meant', async () => {
    const place = placeWith({
      ANTHROPIC_CUSTOM_HEADERS: "X-Said: it's $HOME",
      ANYCLAUDE_TOKEN: 'a-token-of-enough-length',
    });
    const { code, stdout } = await anyclaude(place, 'env', '--port', '5005');
    assert.equal(code, 0);
    assert.match(stdout, /^export ANTHROPIC_BASE_URL='http:\/\/127\.0\.0\.1:5005'$/m);
    assert.match(
      stdout,
      /^export ANTHROPIC_CUSTOM_HEADERS='X-Said: it'\\''s \$HOME\nx-anyclaude-token: a-token-of-enough-length'$/m,
    );
    const json = JSON.parse((await anyclaude(place, 'env', '--json')).stdout);
    assert.equal(
      json.ANTHROPIC_CUSTOM_HEADERS,
      "X-Said: it's $HOME\nx-anyclaude-token: a-token-of-enough-length",
    );
  });

  it('names no project, for the shell goes to others with it', async () => {
    const { code, stdout } = await anyclaude(placeWith({}), 'env');
    assert.equal(code, 0);
    assert.doesNotMatch(stdout, /x-anyclaude-project|ANTHROPIC_CUSTOM_HEADERS/);
  });
});

describe('run', () => {
  it('says what is missing where Claude Code is not installed, and starts nothing', async () => {
    const place = placeWith({ PATH: '/nowhere' });
    const { code, stderr } = await anyclaude(place, 'run', '--', '-p', 'hello');
    assert.equal(code, 1);
    assert.match(stderr, /Claude Code \(claude\) is not on the PATH\. Install it with/);
    assert.equal(existsSync(place.home), false);
  });
});

describe('doctor', () => {
  it('ends with 1 where no backend answers, and names the command that starts each', async () => {
    const closed = 'http://127.0.0.1:1';
    const { code, stdout } = await anyclaude(
      placeWith({ MLX_LM_URL: closed, LMSTUDIO_URL: closed, ANYCLAUDE_PORT: '0' }),
      'doctor',
    );
    assert.equal(code, 1);
    assert.match(stdout, /FAIL {2}mlx-lm .* start it with mlx_lm\.server --model <path> --port 1\n/);
    assert.match(stdout, /FAIL {2}lmstudio .* start it with lms server start/);
  });

  it('tells of a variable that nothing reads', async () => {
    const { stdout } = await anyclaude(placeWith({ ANYCLAUDE_PORT: '0', ANYCLAUDE_PROT: '5000' }), 'doctor');
    assert.match(
      stdout,
      /WARN {2}configuration .*ANYCLAUDE_PROT is set, but nothing reads it\. Did you mean ANYCLAUDE_PORT\?/,
    );
  });

  it('explains a permission mode and a base URL that keep Claude Code from the daemon', async () => {
    const place = placeWith({ ANYCLAUDE_PORT: '0' });
    const folder = join(place.env['HOME'] ?? '', '.claude');
    mkdirSync(folder);
    const settings = {
      permissions: { defaultMode: 'auto' },
      env: { ANTHROPIC_BASE_URL: 'https://gateway.example' },
    };
    writeFileSync(join(folder, 'settings.json'), JSON.stringify(settings));
    const { stdout } = await anyclaude(place, 'doctor');
    assert.match(stdout, /WARN {2}settings .*Permission mode "auto" needs a safety check/);
    assert.match(stdout, /FAIL {2}settings .*sets ANTHROPIC_BASE_URL/);
  });
});
