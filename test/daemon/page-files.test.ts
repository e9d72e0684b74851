// The built-in page as files: what a browser is told of them, and what it is not.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { type Harness, startHarness } from './harness.ts';

const folder = join(import.meta.dirname, '..', '..', 'daemon', 'page');
const names = readdirSync(folder).filter((name) => /\.(html|css|js|svg)$/.test(name));
let h: Harness;
before(async () => {
  h = await startHarness();
});
after(() => h.close());

const get = (path: string, headers: Record<string, string> = {}) => fetch(h.url + path, { headers });

test('each file comes with its type, a policy that lets nothing inline or foreign in, and never as another type', async () => {
  const paths = ['/', ...[...names, 'uplot.js', 'uplot.css'].map((name) => `/page/${name}`)];
  for (const path of paths) {
    const reply = await get(path);
    assert.equal(reply.status, 200, path);
    assert.ok((await reply.text()).length > 0);
    const policy = reply.headers.get('content-security-policy') ?? '';
    for (const rule of [
      "default-src 'none'",
      "script-src 'self'",
      "style-src 'self'",
      "connect-src 'self'",
      "img-src 'self' data:",
      "base-uri 'none'",
      "form-action 'none'",
      "frame-ancestors 'none'",
      "require-trusted-types-for 'script'",
    ]) {
      assert.ok(policy.split('; ').includes(rule), `${path}: ${rule}`);
    }
    assert.doesNotMatch(policy, /unsafe|\*|http/);
    assert.equal(reply.headers.get('x-content-type-options'), 'nosniff');
    assert.equal(reply.headers.get('referrer-policy'), 'no-referrer');
  }
  assert.match((await get('/')).headers.get('content-type') ?? '', /^text\/html/);
  assert.match((await get('/page/main.js')).headers.get('content-type') ?? '', /^text\/javascript/);
});

test('a browser asks each time and gets 304 as long as the file is the same', async () => {
  for (const path of ['/', '/page/main.js', '/page/uplot.js']) {
    const first = await get(path);
    assert.equal(first.headers.get('cache-control'), 'no-cache');
    const etag = first.headers.get('etag') ?? '';
    assert.match(etag, /^"[\w-]{22}"$/);
    const again = await get(path, { 'if-none-match': etag });
    assert.equal(again.status, 304);
    assert.equal((await again.text()).length, 0);
    const changed = await get(path, { 'if-none-match': '"of-an-older-version"' });
    assert.equal(changed.status, 200);
  }
});

test('HEAD / goes on answering 200, as Claude Code wants it', async () => {
  assert.equal((await fetch(h.url, { method: 'HEAD' })).status, 200);
});

test('nothing outside of the page is served as a part of it', async () => {
  for (const path of [
    '/page/tsconfig.json',
    '/page/..%2fmain.ts',
    '/page/%2e%2e%2fguard.ts',
    '/page/uplot.d.ts',
    '/page/',
    '/page/__proto__',
    '/page/constructor',
  ]) {
    assert.equal((await get(path)).status, 404, path);
  }
});

test('the page is written without a way to make markup of text, and without anything inline', () => {
  for (const name of names) {
    const text = readFileSync(join(folder, name), 'utf8');
    assert.doesNotMatch(
      text,
      /innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function/,
      name,
    );
    if (name.endsWith('.html'))
      assert.doesNotMatch(text, /<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=/, name);
    assert.doesNotMatch(text, /https?:\/\/(?!www\.w3\.org\/2000\/svg)/, `${name} loads from elsewhere`);
  }
});

test('a token guards what the page reads, not the page itself', async () => {
  const guarded = await startHarness({ token: 'a-token-of-16-chars' });
  const status = async (path: string, init: RequestInit = {}) =>
    (await fetch(guarded.url + path, init)).status;
  assert.equal(await status('/'), 200);
  assert.equal(await status('/?since=7d'), 200);
  assert.equal(await status('/page/main.js'), 200);
  for (const path of [
    '/api/live',
    '/api/events',
    '/api/requests',
    '/api/stats',
    '/status',
    '/page',
    '//',
    '/pages',
  ]) {
    assert.equal(await status(path), 403, path);
  }
  assert.equal(await status('/', { method: 'HEAD' }), 403);
  assert.equal(await status('/api/live', { headers: { 'x-anyclaude-token': 'a-token-of-16-chars' } }), 200);
  await guarded.close();
});
