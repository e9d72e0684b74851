import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { isSignedIn, readClaudeSettings } from '../../cli/claude-settings.ts';
import { clientArguments } from '../../cli/client-arguments.ts';
import { overriddenBy } from '../../cli/run.ts';
import { loadConfig } from '../../daemon/config/config.ts';

const root = mkdtempSync(join(tmpdir(), 'anyclaude-settings-'));
after(() => rmSync(root, { recursive: true, force: true }));

const config = (env = {}) => loadConfig({ flags: {}, env: { HOME: '/home/ada', ...env } });
const settings = (permissionMode: string) => [
  { path: 'settings.json', permissionMode, hasCredential: false },
];

function write(folder: string, name: string, content: unknown): void {
  mkdirSync(join(root, folder), { recursive: true });
  writeFileSync(join(root, folder, name), JSON.stringify(content));
}

describe('the permission mode', () => {
  it('is put in front of the arguments where nobody named one', () => {
    const { args, notes } = clientArguments(['-p', 'hello', '--allowedTools', 'Bash', 'Edit'], config(), []);
    assert.deepEqual(args, [
      '--permission-mode',
      'acceptEdits',
      '-p',
      'hello',
      '--allowedTools',
      'Bash',
      'Edit',
    ]);
    assert.deepEqual(notes, []);
  });

  for (const given of [
    ['--permission-mode', 'default'],
    ['--permission-mode=dontAsk'],
    ['--dangerously-skip-permissions'],
    ['--settings', '{"permissions":{"defaultMode":"default"}}'],
  ]) {
    it(`stays as the user named it: ${given.join(' ')}`, () => {
      assert.deepEqual(clientArguments(given, config(), []), { args: given, notes: [] });
    });
  }

  it("stays as the user's settings name it", () => {
    assert.deepEqual(clientArguments(['-p'], config(), settings('default')), { args: ['-p'], notes: [] });
  });

  it('is added to settings that name none', () => {
    assert.deepEqual(clientArguments(['--settings', '{"model":"x"}'], config(), []).args.slice(0, 2), [
      '--permission-mode',
      'acceptEdits',
    ]);
  });

  for (const [given, found] of [
    [['--permission-mode', 'auto'], []],
    [['--permission-mode=plan'], []],
    [[], settings('auto')],
  ] as const) {
    it(`is explained where it needs the Claude API: ${JSON.stringify([given, found])}`, () => {
      const { args, notes } = clientArguments(given, config(), found);
      assert.deepEqual(args, given);
      assert.match(notes.join(), /needs a safety check that only the Claude API can do/);
    });
  }

  it('is left to Claude Code where everything goes to the Claude API', () => {
    const toClaude = config({ ANYCLAUDE_MODE: 'claude' });
    assert.deepEqual(clientArguments(['-p'], toClaude, settings('auto')), { args: ['-p'], notes: [] });
  });
});

describe("Claude Code's settings files", () => {
  it('are read for the user and the project, a later one winning', () => {
    write('a/home/.claude', 'settings.json', { permissions: { defaultMode: 'auto' } });
    write('a/project/.claude', 'settings.json', { env: { ANTHROPIC_BASE_URL: 'https://gateway.example' } });
    write('a/project/.claude', 'settings.local.json', { permissions: { defaultMode: 'acceptEdits' } });
    const found = readClaudeSettings({ HOME: join(root, 'a/home') }, join(root, 'a/project'));
    assert.deepEqual(clientArguments([], config(), found), { args: [], notes: [] });
    assert.deepEqual(overriddenBy(found, 'http://127.0.0.1:4784'), [
      `${join(root, 'a/project/.claude/settings.json')} sets ANTHROPIC_BASE_URL, so Claude Code will not use the daemon. Remove it there.`,
    ]);
    assert.deepEqual(overriddenBy(found, 'https://gateway.example'), []);
  });

  it('are passed over where they are damaged', () => {
    mkdirSync(join(root, 'b/.claude'), { recursive: true });
    writeFileSync(join(root, 'b/.claude/settings.json'), '{');
    assert.deepEqual(readClaudeSettings({ HOME: join(root, 'b') }, join(root, 'b/none')), []);
  });

  for (const [fact, folder, name, content, signedIn] of [
    ['a stored sign-in', '.claude', '.credentials.json', {}, true],
    ['an account in the keychain', '.', '.claude.json', { oauthAccount: {} }, true],
    ['a key helper', '.claude', 'settings.json', { apiKeyHelper: 'get-key' }, true],
    ['a token in the settings', '.claude', 'settings.json', { env: { ANTHROPIC_AUTH_TOKEN: 'x' } }, true],
    ['no credential at all', '.claude', 'settings.json', { model: 'x' }, false],
  ] as const) {
    it(`tell of ${fact}`, () => {
      const home = `c/${fact.replaceAll(' ', '-')}`;
      write(join(home, folder), name, content);
      const env = { HOME: join(root, home) };
      assert.equal(isSignedIn(env, readClaudeSettings(env, join(root, 'none'))), signedIn);
    });
  }
});
