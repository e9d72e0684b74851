// The live commands on a real daemon whose backend answers when it is told to.

import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { afterEach, describe, it } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import { widthOf } from '../../cli/screen.ts';
import { anyclaude, ended, newPlace, spawnAnyclaude } from './anyclaude.ts';
import { assertDocumented } from './documented.ts';
import { noPseudoTerminal, PseudoTerminal, type Size } from './pseudo-terminal.ts';
import { closeSites, openSite, type Site, untilOutput } from './site.ts';

const terminals: PseudoTerminal[] = [];

afterEach(async () => {
  for (const terminal of terminals.splice(0)) terminal.kill();
  await closeSites();
});

async function startedSite(env: NodeJS.ProcessEnv = {}): Promise<Site> {
  const site = await openSite({ LC_ALL: 'C.UTF-8', ...env });
  const { code, stderr } = await site.command('start', '--mode', 'task');
  assert.equal(code, 0, stderr);
  return site;
}

/** A whole request: begun, released and read to its end. */
async function servedRequest(site: Site): Promise<void> {
  const reply = await site.heldRequest();
  site.backend.release();
  await reply.text();
}

function onTerminal(site: Site, size: Size): PseudoTerminal {
  const terminal = new PseudoTerminal(site.place, ['top'], size);
  terminals.push(terminal);
  return terminal;
}

type Heard = {
  /** Whole ones. */
  lines(): readonly string[];
  until(count: number): Promise<void>;
};

function heardFrom(child: ChildProcess): Heard {
  let text = '';
  let more = Promise.withResolvers<void>();
  child.stdout?.on('data', (chunk) => {
    text += chunk;
    more.resolve();
  });
  const lines = () => text.split('\n').slice(0, -1);
  return {
    lines,
    async until(count) {
      while (lines().length < count) {
        more = Promise.withResolvers();
        await more.promise;
      }
    },
  };
}

describe('with no daemon', () => {
  for (const command of [['ps'], ['ps', '--json'], ['tail'], ['top']]) {
    it(`${command.join(' ')} ends with 3 and says how to start one`, async () => {
      const place = newPlace();
      const { code, stdout, stderr } = await anyclaude(place, ...command);
      assert.deepEqual([code, stdout], [3, '']);
      assert.match(stderr, /anyclaude is not running\. Start it with: anyclaude start\n$/);
      place.remove();
    });
  }
});

describe('ps', () => {
  it('shows what is in flight, and in JSON by schema 1', async () => {
    const site = await startedSite();
    assert.equal((await site.command('ps')).stdout, 'Nothing is in flight.\n');
    await site.heldRequest();
    const { code, stdout } = await site.command('ps');
    assert.equal(code, 0);
    assert.match(stdout, /^FOR s +TASK +BACKEND +DOES .*\n +\d+\.\d +analysis +mlx-lm +writing /);
    const document = JSON.parse((await site.command('ps', '--json')).stdout);
    assert.deepEqual(Object.keys(document), ['schema', 'generatedAt', 'requests']);
    assert.equal(document.schema, 1);
    assertDocumented('ps --json', document);
    assert.deepEqual(Object.keys(document.requests[0]).toSorted(), [
      ...[
        'agent',
        'backend',
        'cachedTokens',
        'elapsedMs',
        'kind',
        'model',
        'outputTokens',
        'phase',
        'predictedTtftMs',
      ],
      ...[
        'prefill',
        'project',
        'promptTokens',
        'promptTokensBasis',
        'reason',
        'requestId',
        'session',
        'startedAt',
      ],
      ...['task', 'ttftMs'],
    ]);
    assert.deepEqual([document.requests[0].phase, document.requests[0].cachedTokens], ['writing', null]);
  });
});

describe('tail', () => {
  it('shows a request when it ends, over a restart of the daemon, and none twice', async () => {
    const site = await startedSite();
    await servedRequest(site);
    const child = site.spawn(['tail', '--json']);
    const told = heardFrom(child);
    // The first line comes once it has connected.
    await told.until(1);
    await servedRequest(site);
    await told.until(2);
    const stopped = untilOutput(child.stderr, 'has stopped');
    await site.command('stop');
    await stopped;
    await site.command('start', '--mode', 'task');
    await servedRequest(site);
    await told.until(3);
    child.kill('SIGTERM');
    assert.equal((await ended(child)).code, 0);
    assert.equal(new Set(told.lines().map((line) => JSON.parse(line).requestId)).size, 3);
    assert.equal(told.lines().length, 3);
  });

  it('--no-follow shows the last ones of the file, the daemon stopped', async () => {
    const site = await startedSite();
    for (let n = 0; n < 3; n += 1) await servedRequest(site);
    await site.command('stop');
    const { code, stdout, stderr } = await site.command('tail', '--no-follow', '-n', '2');
    assert.deepEqual([code, stderr], [0, '']);
    const [titles, ...lines] = stdout.trimEnd().split('\n');
    assert.match(titles ?? '', /^TIME +TASK +BACKEND +TTFT s .* RESULT/);
    assert.equal(lines.length, 2);
    for (const line of lines) assert.match(line, /^\d\d:\d\d:\d\d +analysis +mlx-lm +\d\.\d\d .* ok /);
    const json = (await site.command('tail', '--no-follow', '--json')).stdout.trimEnd().split('\n');
    assert.equal(json.length, 3);
    assert.deepEqual(Object.keys(JSON.parse(json[0] ?? '')).toSorted(), TAIL_KEYS);
    assertDocumented('tail --json', JSON.parse(json[0] ?? ''));
  });

  it('tells the same of a request as it happens and from the file', async () => {
    const site = await startedSite();
    await servedRequest(site);
    const child = site.spawn(['tail', '--json', '-n', '1']);
    const told = heardFrom(child);
    await told.until(1);
    await servedRequest(site);
    await told.until(2);
    await site.command('stop');
    const stored = (await site.command('tail', '--no-follow', '--json', '-n', '1')).stdout;
    assert.deepEqual(JSON.parse(told.lines()[1] ?? ''), JSON.parse(stored));
  });

  it('a wrong number is a usage error', async () => {
    const place = newPlace();
    const { code, stderr } = await anyclaude(place, 'tail', '-n', 'all');
    assert.equal(code, 2);
    assert.match(stderr, /--lines takes a whole number to 9999, not "all"\./);
    place.remove();
  });
});

const TAIL_KEYS = [
  ...['backend', 'cache', 'cacheEvidence', 'cachedTokens', 'durationMs', 'fault', 'kind', 'message', 'model'],
  ...[
    'outputTokens',
    'outputTokensPerS',
    'predictedTtftMs',
    'project',
    'promptTokens',
    'reason',
    'requestId',
  ],
  ...['result', 'schema', 'session', 'startedAt', 'task', 'ttftMs'],
];

describe('top', () => {
  it('is one plain picture where stdout is no terminal', async () => {
    const site = await startedSite();
    await site.heldRequest();
    const child = spawnAnyclaude({ ...site.place, env: { ...site.place.env, COLUMNS: '60', LC_ALL: 'C' } }, [
      'top',
    ]);
    const { code, stdout } = await ended(child);
    assert.equal(code, 0);
    assert.doesNotMatch(stdout, /[^\x20-\x7e\n]/);
    for (const line of stdout.split('\n')) assert.ok(line.length <= 60, JSON.stringify(line));
    assert.match(stdout, /^mlx-lm +up +1\/\d/m);
    assert.match(stdout, /^ +\d+\.\d +analysis +mlx-lm +writing/m);
  });

  it('draws what happens within the terminal, and q puts it back as it was', {
    skip: noPseudoTerminal,
  }, async () => {
    const site = await startedSite();
    const terminal = onTerminal(site, { columns: 60, rows: 16 });
    await terminal.until((lines) => lines.some((line) => line.includes('Nothing is in flight.')));
    const reply = await site.heldRequest();
    await terminal.until((lines) => lines.some((line) => /mlx-lm +.*writing/.test(line)));
    site.backend.release();
    await reply.text();
    const lines = await terminal.until((shown) => shown.some((line) => /analysis +mlx-lm .* ok/.test(line)));
    assert.ok(lines.length <= 16, `${lines.length} lines`);
    for (const line of lines) assert.ok(widthOf(stripVTControlCharacters(line)) <= 60, JSON.stringify(line));
    assert.ok(
      lines.some((line) => line.includes('\u001b[32mup')),
      'no colour on a terminal',
    );
    // An arrow key and F2 hold letters, and are no q.
    terminal.press('\u001b[A');
    terminal.press('\u001bOQ');
    await servedRequest(site);
    await terminal.until((shown) => shown.some((line) => line.includes('Last 2 requests')));
    terminal.press('q');
    const { code, before, after, text } = await terminal.ended();
    assert.deepEqual([code, after], [0, before]);
    // The screen of before, the cursor and line breaks are back.
    const left = text.lastIndexOf('\u001b[?7h\u001b[?25h\u001b[?1049l');
    assert.ok(left > text.lastIndexOf('\u001b[?1049h'), 'it stayed on its own screen');
  });

  it('outlives the daemon, and Ctrl-C ends it well without a colour', {
    skip: noPseudoTerminal,
  }, async () => {
    const site = await startedSite({ NO_COLOR: '1' });
    const terminal = onTerminal(site, { columns: 100, rows: 30 });
    await terminal.until((lines) => lines.some((line) => line.startsWith('mlx-lm')));
    await site.command('stop');
    await terminal.until(([first = '']) => first.includes('The daemon has stopped'));
    await site.command('start', '--mode', 'task');
    await terminal.until(([first = '']) => first.includes('up '));
    terminal.press('\u0003');
    const { code: exitCode, before, after, text } = await terminal.ended();
    assert.deepEqual([exitCode, after], [0, before]);
    for (const code of [0, 1, 2, 31, 32, 33]) assert.ok(!text.includes(`\u001b[${code}m`), `colour ${code}`);
  });
});
