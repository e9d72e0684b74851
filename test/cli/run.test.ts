import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, it } from 'node:test';
import { ended } from './anyclaude.ts';
import { closeSites, openSite, type Site, untilOutput } from './site.ts';

afterEach(closeSites);

describe('run', () => {
  const FAKE_CLAUDE = `#!/bin/sh
if [ "$1" = --version ]; then echo "2.1.330 (Claude Code)"; exit 0; fi
echo "args: $*"
env | grep -E '^(ANTHROPIC|CLAUDE_CODE|ENABLE)_' | sort
[ -n "$WAIT_FOR_SIGNAL" ] && { trap 'exit 42' TERM; echo waiting; while :; do sleep 0.05; done; }
exit 7
`;

  async function openSiteWithClaude(extra: NodeJS.ProcessEnv = {}): Promise<Site> {
    const site = await openSite(extra);
    const path = join(site.place.env['HOME'] ?? '', 'claude');
    writeFileSync(path, FAKE_CLAUDE, { mode: 0o755 });
    site.place.env['ANYCLAUDE_CLAUDE_BIN'] = path;
    return site;
  }

  it('starts the daemon, then Claude Code connected to it, and ends as it ends', async () => {
    const site = await openSiteWithClaude({
      ANTHROPIC_MODEL: 'my-model',
      ANTHROPIC_BASE_URL: 'https://gateway.example',
    });
    const { code, stdout, stderr } = await site.command('run', '--', '-p', 'two words', '--model', 'x');
    assert.equal(code, 7, stderr);
    assert.match(stdout, /^args: --permission-mode acceptEdits -p two words --model x$/m);
    assert.match(stdout, new RegExp(`^ANTHROPIC_BASE_URL=http://127\\.0\\.0\\.1:${site.port}$`, 'm'));
    assert.match(stdout, /^ANTHROPIC_MODEL=my-model$/m);
    assert.match(stdout, /^CLAUDE_CODE_MAX_CONTEXT_TOKENS=\d+$/m);
    assert.match(stderr, /ANTHROPIC_BASE_URL was https:\/\/gateway\.example/);
    assert.equal((await site.status()).running, true);
  });

  it('hands a signal on to Claude Code', async () => {
    const site = await openSiteWithClaude({ WAIT_FOR_SIGNAL: '1' });
    const running = site.spawn(['run']);
    const exit = ended(running);
    await untilOutput(running.stdout, 'waiting');
    running.kill('SIGTERM');
    assert.equal((await exit).code, 42);
  });
});
