import assert from 'node:assert/strict';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { KeptPrompt } from '../../daemon/keeper/prompts.ts';
import { prefixFolder, type StoreLimits } from '../../daemon/prefixes/files.ts';
import { conversationOf, type SavedPrefix } from '../../daemon/prefixes/prefix.ts';
import { createPrefixes } from '../../daemon/prefixes/prefixes.ts';
import { createPrefixStore } from '../../daemon/prefixes/store.ts';
import { segments } from '../../wire/fingerprint.ts';
import { normalise } from '../../wire/normalise.ts';
import { parseRequest } from '../../wire/parse.ts';
import { toChat } from '../../wire/to-chat.ts';

const RULES = '<system-reminder>\n# claudeMd\nBe brief.\n</system-reminder>';
const GIT = '<system-reminder>\ngitStatus: On branch main\n</system-reminder>';
const HOUR = 60 * 60_000;

let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'anyclaude-prefixes-'));
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

const limits = (some: Partial<StoreLimits> = {}): StoreLimits => ({
  ...{ fileBytes: 1_000_000, totalBytes: 10_000_000, projects: 10, writeAfterMs: 5, retryAfterMs: 5 },
  ...some,
});

function prompt(
  project: string,
  more: Partial<KeptPrompt> & { readonly system?: string; readonly words?: string } = {},
) {
  const { system = 'You are a coding agent.', words = 'my secret words', ...rest } = more;
  const request = {
    model: 'm',
    system: [
      { type: 'text', text: 'x-anthropic-billing-header: cch=abc123;' },
      { type: 'text', text: system },
    ],
    tools: [
      {
        name: 'Read',
        description: 'Reads',
        input_schema: { type: 'object', properties: { p: { type: 'string' } } },
      },
    ],
    messages: [{ role: 'user', content: [RULES, GIT, words].map((text) => ({ type: 'text', text })) }],
  };
  const conversation = normalise(parseRequest(request));
  const chain = segments(conversation).map(({ hash }) => ({ hash, tokens: 10 }));
  return {
    ...{ project, backend: 'mlx-lm', model: 'm', kind: 'main' as const, turnId: 't', endsTurn: true },
    ...{ conversation, chain, promptTokens: 40, endedAtMs: Date.now() },
    ...rest,
  };
}

/** Notes the prompts in order and has them written. */
async function kept(prompts: readonly KeptPrompt[], some: Partial<StoreLimits> = {}) {
  const store = createPrefixStore(home, limits(some));
  const prefixes = createPrefixes(store);
  for (const each of prompts) prefixes.note(each);
  await store.close();
  return store;
}

const files = () => readdirSync(prefixFolder(home)).map((name) => join(prefixFolder(home), name));
const load = async (some: Partial<StoreLimits> = {}) => {
  const store = createPrefixStore(home, limits(some));
  return { found: await store.load(), problems: store.problems };
};

describe('the front of a project, kept on disk', () => {
  it('comes back as the very bytes that the next session begins with', async () => {
    const first = prompt('/work/shop');
    await kept([first]);
    const { found, problems } = await load();
    assert.deepEqual(problems, []);
    const [prefix] = found as [SavedPrefix];
    const options = { flattenSystemPrompt: 'keep', images: 'note', toolChoice: 'omit' } as const;
    const restored = toChat(conversationOf(prefix), options);
    const next = toChat(prompt('/work/shop', { words: 'quite other words' }).conversation, options);
    assert.equal(JSON.stringify(restored.tools), JSON.stringify(next.tools));
    assert.deepEqual(restored.messages[0], next.messages[0]);
    assert.equal(restored.messages[1]?.content, RULES);
    assert.ok(String(next.messages[1]?.content).startsWith(RULES));
  });

  it('holds no word of the person’s and no billing block, and is for its user’s eyes alone', async () => {
    await kept([prompt('/work/shop')]);
    const [file = ''] = files();
    assert.doesNotMatch(readFileSync(file, 'utf8'), /secret|cch=|gitStatus/);
    assert.equal(statSync(file).mode & 0o777, 0o600);
    assert.equal(statSync(prefixFolder(home)).mode & 0o777, 0o700);
  });

  it('is written when it changes or another backend has it, and not else', async () => {
    const store = createPrefixStore(home, limits());
    const saved: string[] = [];
    const prefixes = createPrefixes({
      ...store,
      save: ({ system, backends }) => saved.push(`${system} ${backends}`),
    });
    prefixes.note(prompt('/a', { system: 'one' }));
    prefixes.note(prompt('/a', { system: 'one', words: 'more' }));
    prefixes.note(prompt('/a', { system: 'one', kind: 'subagent' as const }));
    prefixes.note(prompt('/a', { system: 'one', backend: 'lmstudio' }));
    prefixes.note(prompt('/a', { system: 'one' }));
    prefixes.note(prompt('/a', { system: 'two' }));
    assert.deepEqual(saved, ['one mlx-lm', 'one lmstudio,mlx-lm', 'two mlx-lm,lmstudio']);
  });

  it('is not written again after a restart that found it', async () => {
    await kept([prompt('/a')]);
    const store = createPrefixStore(home, limits());
    const prefixes = createPrefixes({ ...store, save: () => assert.fail('nothing has changed') });
    await prefixes.load();
    prefixes.note(prompt('/a'));
  });

  it('stays among the newest while its project is used', async () => {
    await kept([prompt('/a')]);
    const [file = ''] = files();
    const old = new Date(Date.now() - 48 * HOUR);
    utimesSync(file, old, old);
    const store = createPrefixStore(home, limits());
    const prefixes = createPrefixes(store);
    await prefixes.load();
    prefixes.note(prompt('/a', { endedAtMs: Date.now() + 2 * HOUR }));
    while (statSync(file).mtimeMs <= old.getTime() + 1000)
      await new Promise((resolve) => setTimeout(resolve, 5));
  });

  it('is as old as its last use, though it has not changed since', async () => {
    await kept([prompt('/a', { endedAtMs: Date.now() - 20 * 24 * HOUR })]);
    for (let day = 19; day >= 0; day -= 1) {
      const store = createPrefixStore(home, limits());
      const prefixes = createPrefixes(store);
      await prefixes.load();
      prefixes.note(prompt('/a', { endedAtMs: Date.now() - day * 24 * HOUR }));
      await store.close();
    }
    const [prefix] = (await load()).found;
    assert.ok(Date.now() - (prefix?.savedAtMs ?? 0) < HOUR, `used at ${prefix?.savedAtMs}`);
  });
});

describe('a file that cannot be believed', () => {
  const spoil: readonly (readonly [what: string, how: (path: string) => void, reason: RegExp])[] = [
    ['is cut', (path) => writeFileSync(path, readFileSync(path, 'utf8').slice(0, 100)), /is damaged/],
    ['holds a changed text', (path) => replace(path, 'coding', 'codinq'), /is damaged/],
    ['lacks a field', (path) => replace(path, '"opening"', '"closing"'), /is damaged/],
    [
      'is of another format',
      (path) => replace(path, '"format":1', '"format":2'),
      /another version of anyclaude/,
    ],
    ['names another project', (path) => replace(path, '"/a"', '"/b"'), /the name of another project/],
    ['is open to others', (path) => chmodSync(path, 0o644), /is open to other users/],
    ['is too large', (path) => writeFileSync(path, 'x'.repeat(2_000_000)), /is larger than 1 MB/],
    ['is a link', (path) => toLink(path), /is no plain file/],
    ['is a folder', (path) => toFolder(path), /is no plain file/],
  ];
  for (const [what, how, reason] of spoil) {
    it(`is ignored with its reason and replaced where it ${what}`, async () => {
      await kept([prompt('/a'), prompt('/other')]);
      const path = files().find((file) => readFileSync(file, 'utf8').includes('"/a"')) ?? '';
      how(path);
      const { found, problems } = await load();
      assert.deepEqual(
        found.map(({ project }) => project),
        ['/other'],
        'the others are believed',
      );
      assert.equal(problems.length, 1);
      assert.match(problems[0] ?? '', reason);
      assert.ok(problems[0]?.startsWith(path) && problems[0].endsWith('it was ignored and removed.'));
      await kept([prompt('/a')]);
      assert.equal((await load()).found.length, 2);
    });
  }

  it('is told of by the first eight and a count, however many there are', async () => {
    mkdirSync(prefixFolder(home), { mode: 0o700 });
    for (let at = 0; at < 30; at += 1)
      writeFileSync(join(prefixFolder(home), `${at}.json`), 'x', { mode: 0o600 });
    const { problems } = await load();
    assert.equal(problems.length, 9);
    assert.equal(problems.at(-1), 'And 22 more files like that.');
    assert.deepEqual(files(), []);
  });
});

describe('what is kept of prompts', () => {
  it('is bounded in projects and in bytes: the one used longest ago goes', async () => {
    const projects = ['/a', '/b', '/c'].map((project) => prompt(project));
    for (const each of projects) {
      await kept([each], { projects: 2 });
      for (const file of files())
        utimesSync(file, new Date(statSync(file).mtimeMs - 5_000), new Date(statSync(file).mtimeMs - 5_000));
    }
    assert.deepEqual(
      (await load()).found.map(({ project }) => project),
      ['/c', '/b'],
    );
    const bytes = statSync(files()[0] ?? '').size;
    await kept([prompt('/d')], { totalBytes: bytes * 1.5 });
    assert.deepEqual(
      (await load()).found.map(({ project }) => project),
      ['/d'],
    );
  });

  it('says where a front is too large, and keeps none in its place', async () => {
    await kept([prompt('/a')]);
    const store = await kept([prompt('/a', { system: 'x'.repeat(2_000_000) })]);
    assert.match(store.problems.join(), /could not be kept on disk: one is larger than 1 MB/);
    assert.deepEqual(files(), []);
  });

  it('costs nothing but itself where the disk does not take it, and is told of until it does', async () => {
    writeFileSync(prefixFolder(home), 'in the way');
    const store = createPrefixStore(home, limits());
    const prefixes = createPrefixes(store);
    prefixes.note(prompt('/a'));
    await store.close();
    assert.equal(store.problems.length, 1);
    assert.match(store.problems[0] ?? '', /could not be kept on disk: .*After a restart it will be cold\./);
    rmSync(prefixFolder(home));
    while (store.problems.length > 0) await new Promise((resolve) => setTimeout(resolve, 5));
    assert.equal((await load()).found.length, 1);
  });
});

function replace(path: string, from: string, to: string): void {
  const text = readFileSync(path, 'utf8');
  assert.ok(text.includes(from), from);
  writeFileSync(path, text.replace(from, to));
}

function toLink(path: string): void {
  const aside = join(home, 'aside.json');
  writeFileSync(aside, readFileSync(path), { mode: 0o600 });
  rmSync(path);
  symlinkSync(aside, path);
}

function toFolder(path: string): void {
  rmSync(path);
  mkdirSync(path);
}
