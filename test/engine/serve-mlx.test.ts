// The prompt cache of a real mlx_lm.server over restarts: warm where it was kept, cold with a reason where what was
// kept cannot be used. Asserted on the tokens that the server itself reports as cached.

import assert from 'node:assert/strict';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { after, beforeEach, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { anyclaude, newPlace } from '../cli/anyclaude.ts';
import { cachedTokens, chat, filler, promptTokens, say, system, user } from './ask.ts';
import { whyNot } from './engines.ts';
import { closeKeptSite, type KeptMlx, type KeptSite, newKeptSite, startKept } from './kept-mlx.ts';

const noMlx = (await whyNot('mlx', console.error)) ?? false;
const SHARED = system(`You are a coding agent. ${filler(90, 'handbook')}`);

/** A new session of the project: the same system prompt, other words. */
async function ask({ url }: KeptMlx, words: string) {
  const answer = await chat(url, { messages: [SHARED, user(words + say('Yes.'))] });
  assert.equal(answer.choices[0]?.message.content, 'Yes.');
  const cached = cachedTokens(answer) ?? Number.NaN;
  return { cached, share: cached / promptTokens(answer) };
}

const cacheFolder = ({ place }: KeptSite) => join(place.home, 'mlx-cache');

function savedFiles(site: KeptSite): readonly string[] {
  const root = cacheFolder(site);
  return readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.safetensors'))
    .map((name) => join(root, name));
}

function configure(site: KeptSite, serveMlx: Readonly<Record<string, number>>): void {
  mkdirSync(site.place.home, { recursive: true, mode: 0o700 });
  writeFileSync(join(site.place.home, 'config.json'), JSON.stringify({ serveMlx }));
}

describe('serve-mlx', { skip: noMlx, timeout: 240_000 }, () => {
  let site: KeptSite;
  const sites: KeptSite[] = [];
  beforeEach(async () => {
    site = await newKeptSite();
    sites.push(site);
  });
  after(async () => {
    for (const each of sites) await closeKeptSite(each);
  });

  /** Leaves one saved conversation behind. */
  async function runOnce(): Promise<string> {
    const server = await startKept(site);
    await ask(server, 'What is this?');
    assert.equal(await server.stop(), 0, server.log());
    const [file, ...others] = savedFiles(site);
    assert.ok(file && others.length === 0, 'one conversation is one file');
    return file;
  }

  it('has the first request after a restart warm, from files that are its user’s alone', async () => {
    const file = await runOnce();
    assert.equal(statSync(file).mode & 0o777, 0o600);
    for (const folder of [site.place.home, cacheFolder(site), dirname(file)]) {
      assert.equal(statSync(folder).mode & 0o777, 0o700, folder);
    }
    const again = await startKept(site);
    const { share } = await ask(again, 'And how is it tested?');
    assert.ok(share > 0.9, `${share} of the prompt was cached`);
    assert.equal(await again.stop('SIGINT'), 0, again.log());
    const names = savedFiles(site);
    assert.ok(
      names.length >= 1 && names.every((name) => !name.includes('/.')),
      'nothing half written is left',
    );
  });

  it('ignores files that are damaged, cut, foreign, open, too large or links, says why, and replaces them', async () => {
    const file = await runOnce();
    configure(site, { keepBytes: 50_000_000 });
    const spoil = (name: string, how: (path: string) => void) => {
      const path = join(dirname(file), `${name}.safetensors`);
      copyFileSync(file, path);
      chmodSync(path, 0o600);
      how(path);
    };
    const content = readFileSync(file);
    const changed = Buffer.from(content);
    changed[changed.length - 100] = (changed.at(-100) ?? 0) ^ 0xff;
    const older = Buffer.from(
      content.toString('latin1').replace(/"0\.mlx_lm":"[\d.]+"/, (all) => all.replace(/\d/g, '9')),
      'latin1',
    );
    spoil('changed', (path) => writeFileSync(path, changed));
    spoil('cut', (path) => truncateSync(path, content.length / 2));
    spoil('junk', (path) => writeFileSync(path, 'hello'));
    spoil('older', (path) => writeFileSync(path, older));
    spoil('open', (path) => chmodSync(path, 0o644));
    spoil('large', (path) => truncateSync(path, 60_000_000));
    const aside = join(site.place.home, 'aside.safetensors');
    renameSync(file, aside);
    symlinkSync(aside, file);

    const server = await startKept(site);
    assert.ok((await ask(server, 'What is this?')).cached <= 5, 'nothing of it was believed');
    for (const reason of [
      /changed\.safetensors is damaged/,
      /cut\.safetensors is damaged/,
      /junk\.safetensors is damaged/,
      /older\.safetensors is of another version of mlx-lm/,
      /open\.safetensors is open to other users/,
      /large\.safetensors is larger than the 50000000 bytes/,
      /safetensors is not a file of this user/,
    ]) {
      assert.match(server.log(), reason);
    }
    assert.equal(await server.stop(), 0);
    assert.deepEqual(savedFiles(site), [file], 'the same content under the same name, and nothing else');
    assert.ok(!statSync(file).isSymbolicLink() && existsSync(aside));
    const again = await startKept(site);
    assert.ok((await ask(again, 'And now?')).share > 0.9);
  });

  for (const [what, name] of [
    ['tokenizer', 'tokenizer.json'],
    ['model', 'config.json'],
  ] as const) {
    it(`ignores what was kept of another ${what} under the same path`, async () => {
      await runOnce();
      const path = join(site.model, name);
      writeFileSync(path, `${readFileSync(path, 'utf8')}\n`);
      const server = await startKept(site);
      assert.ok((await ask(server, 'What is this?')).cached <= 5);
      assert.match(server.log(), new RegExp(`is of another ${what}: it is ignored and removed`));
      assert.equal(await server.stop(), 0);
      assert.equal(savedFiles(site).length, 1, 'and replaced');
    });
  }

  it('saves in quiet moments, so that a server that is killed comes back warm', async () => {
    configure(site, { saveEverySeconds: 1 });
    const server = await startKept(site);
    await ask(server, 'What is this?');
    while (!existsSync(cacheFolder(site)) || savedFiles(site).length === 0) await sleep(50);
    await server.stop('SIGKILL');
    const again = await startKept(site);
    assert.ok((await ask(again, 'And how is it tested?')).share > 0.9);
  });

  it('keeps the newest conversations below its bound, on disk as a whole', async () => {
    const bytes = statSync(await runOnce()).size;
    configure(site, { keepBytes: bytes * 2.5 });
    const server = await startKept(site);
    for (const seed of ['one', 'two', 'three']) {
      await chat(server.url, { messages: [system(filler(90, seed)), user(say('Yes.'))] });
    }
    assert.equal(await server.stop(), 0);
    const sizes = savedFiles(site).map((file) => statSync(file).size);
    assert.ok(sizes.length >= 1 && sizes.reduce((sum, size) => sum + size, 0) <= bytes * 2.5, sizes.join());
    const again = await startKept(site);
    const newest = await chat(again.url, {
      messages: [system(filler(90, 'three')), user(`More.${say('Yes.')}`)],
    });
    assert.ok((cachedTokens(newest) ?? 0) > 500);
  });

  it('keeps nothing where a person wants it so, and removes what it kept', async () => {
    await runOnce();
    writeFileSync(join(site.place.home, 'config.json'), JSON.stringify({ persistPrefixes: false }));
    const server = await startKept(site);
    assert.equal(existsSync(cacheFolder(site)), false, 'before the server serves anybody');
    assert.ok((await ask(server, 'What is this?')).cached <= 5);
    assert.match(server.log(), /the prompt cache is not kept: the configuration wants nothing kept\./);
    assert.equal(await server.stop(), 0, server.log());
    assert.equal(existsSync(cacheFolder(site)), false);
  });

  it('serves on a disk that takes nothing, and says once that nothing is kept', async () => {
    configure(site, { saveEverySeconds: 1 });
    const server = await startKept(site, { fileBlocks: 8 });
    await ask(server, 'What is this?');
    while (!server.log().includes('could not be saved')) await sleep(50);
    assert.ok((await ask(server, 'Are you there?')).share > 0.9, 'its cache in memory is as it was');
    assert.equal(await server.stop(), 0);
    assert.equal(server.log().match(/could not be saved, and the server goes on without/g)?.length, 1);
    assert.deepEqual(savedFiles(site), []);
  });
});

describe('serve-mlx without what it needs', () => {
  it('names what to install where no Python has mlx-lm', async () => {
    const place = newPlace({ PATH: dirname(process.execPath), ANYCLAUDE_MLX_PYTHON: '' });
    const { code, stderr } = await anyclaude(place, 'serve-mlx', '--model', 'm');
    place.remove();
    assert.equal(code, 1);
    assert.match(stderr, /No Python with mlx-lm was found on the PATH\. Install it with: pip install mlx-lm/);
    assert.equal(existsSync(place.home), false, 'and leaves no trace');
  });

  it('starts the plain server, and says so, with an mlx-lm that is built in another way', {
    skip: noMlx,
  }, async () => {
    const place = newPlace();
    const packages = join(place.env['HOME'] ?? '', 'packages');
    for (const [name, text] of OTHER_MLX) {
      mkdirSync(dirname(join(packages, name)), { recursive: true });
      writeFileSync(join(packages, name), text);
    }
    const result = await anyclaude(
      { ...place, env: { ...place.env, PYTHONPATH: packages } },
      'serve-mlx',
      '--model',
      'm',
    );
    place.remove();
    assert.equal(result.code, 0, result.stderr);
    assert.match(result.stderr, /the prompt cache is not kept: mlx-lm 0\.1\.0 is built in another way/);
    assert.match(result.stdout, /plain --model m --port 8081/);
  });
});

/** The few names that serve-mlx looks at, one of them without what it needs. */
const OTHER_MLX = [
  ['mlx_lm-0.1.0.dist-info/METADATA', 'Metadata-Version: 2.1\nName: mlx-lm\nVersion: 0.1.0\n'],
  ['mlx_lm/__init__.py', ''],
  [
    'mlx_lm/server.py',
    `import sys
class LRUPromptCache:
    def insert_cache(self, model, tokens, prompt_cache): ...
class ResponseGenerator: ...
def main(): print("plain", *sys.argv[1:])
`,
  ],
  ['mlx/__init__.py', ''],
  [
    'mlx/core.py',
    `class distributed:
    class init:
        def size(self): return 1
`,
  ],
] as const;
