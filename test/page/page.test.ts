// The built-in page in a real Chromium, before a real daemon.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import type { Outcome } from '../../router/outcome.ts';
import { prose } from '../fixture/words.ts';
import { outcome } from '../store/sample.ts';
import { chromiumIsMissing, openChromium } from './chromium.ts';
import { workingDay } from './past.ts';
import { openStage, type Stage } from './stage.ts';
import { picture, visit } from './visit.ts';

const skip = chromiumIsMissing();
const TIMEOUT = { timeout: 60_000 };
let browser: Browser;

before(async () => {
  if (!skip) browser = await openChromium();
}, TIMEOUT);
after(() => browser?.close());

type Play = (stage: Stage) => Promise<void>;

/** A test on a stage of its own, which is taken down whatever happens. */
function on(name: string, options: Parameters<typeof openStage>[0], play: Play): void {
  test(name, { skip, ...TIMEOUT }, async () => {
    const stage = await openStage(options);
    try {
      await play(stage);
    } finally {
      await stage.close();
    }
  });
}

const text = (page: Page, selector: string) => page.locator(selector).innerText();
const running = (page: Page) => page.locator('[data-connection="open"]').waitFor({ state: 'attached' });
const rows = (page: Page) => page.locator('#history tbody tr');

on('an empty page says how to connect Claude Code, and fills without a reload', {}, async (stage) => {
  const { page, end } = await visit(browser, stage.url);
  await page.locator('#welcome h2').waitFor();
  assert.match(await text(page, '#welcome'), /anyclaude run/);
  assert.match(await text(page, '#welcome'), new RegExp(`ANTHROPIC_BASE_URL=${stage.url} claude`));
  assert.equal(await text(page, '#live-none'), 'Nothing is running.');
  assert.doesNotMatch(await text(page, '#figures'), /0\s%/, 'what is not known is no zero');
  await page.getByText('No backend told of its cache in this period.').waitFor();
  await picture(page, 'empty', 1100);

  stage.mlx.next(stage.mlx.says({ text: 'It is cold.', promptTokens: 900, cachedTokens: 100 }));
  await (await stage.ask({ text: 'Why is the kettle cold?' })).text();
  await rows(page).first().waitFor();
  assert.equal(await page.locator('#welcome').isVisible(), false);
  assert.match(await rows(page).first().innerText(), /analysis[\s\S]*mlx-lm[\s\S]*ok/);
  await end();
});

on(
  'a cache that nothing was found in saved nothing, and that is no estimate',
  { past: [coldRequest(Date.now())] },
  async (stage) => {
    const { page, end } = await visit(browser, stage.url);
    await rows(page).first().waitFor();
    await page.getByText('nothing was saved').waitFor();
    assert.match(await text(page, '#figures'), /Saved by the cache\s+0 s\s+nothing was saved/i);
    await end();
  },
);

function coldRequest(nowMs: number): Outcome {
  return outcome('cold', {
    startedAtMs: nowMs - 60_000,
    cache: { evidence: 'reported', promptTokens: 9000, cachedTokens: 0 },
    saved: { seconds: 0, lowSeconds: 0, highSeconds: 0, basis: 'measured', coldSamples: 3 },
  });
}

on(
  'a busy page: prefill clocks, a bar by the backend’s own count, and the day so far',
  { past: workingDay(Date.now()) },
  async (stage) => {
    const hold = Promise.withResolvers<void>();
    const { page, end } = await visit(browser, stage.url);
    const replies = [
      await slow(
        stage,
        'mlx',
        hold.promise,
        'Why does the kettle not boil, and where is the thermostat read?',
      ),
      await slow(
        stage,
        'lmstudio',
        hold.promise,
        'Fix the thermostat: edit kettle.ts so that it reads twice.',
      ),
    ];
    await page.locator('#live li').nth(1).waitFor();
    await page.getByText(/prefill · .* of .* tokens/).waitFor();
    await page.locator('#backends').getByText('1 of 2').waitFor();
    const clock = page.locator('#live .clock').first();
    const before = await clock.innerText();
    await page.waitForFunction((was) => document.querySelector('#live .clock')?.textContent !== was, before);
    assert.equal(await text(page, '#live-count'), '2');
    await rows(page).nth(24).waitFor();
    await page.locator('#ttft-chart canvas').waitFor();
    await picture(page, 'busy-light', 1500);
    await page.emulateMedia({ colorScheme: 'dark' });
    await picture(page, 'busy-dark');
    await page.emulateMedia({ colorScheme: 'light' });
    await page.setViewportSize({ width: 400, height: 860 });
    await assertFits(page);
    await picture(page, 'busy-400px', 2300);

    hold.resolve();
    await Promise.all(replies.map(async (reply) => (await reply).text()));
    await page.locator('#live-none').waitFor({ timeout: 15_000 });
    await end();
  },
);

on(
  'a backend that is down is named, with its reason and how to start it, and it is said when none is there',
  { past: workingDay(Date.now(), 30, 3) },
  async (stage) => {
    const { page, end } = await visit(browser, stage.url);
    await running(page);
    await stage.lmstudio.close();
    stage.mlx.next(stage.mlx.says('Hello.'));
    await (await stage.ask({ text: 'Fix the lamp: edit lamp.ts now.' })).text();
    const card = page.locator('#backends li[data-state="down"]');
    await card.waitFor({ timeout: 20_000 });
    assert.match(await card.innerText(), /lmstudio[\s\S]*down/);
    assert.match(await card.innerText(), /Start it with lms server start --port 1234/);
    await picture(page, 'backend-down');

    await stage.mlx.close();
    await stage.ask({ text: 'And why?' }).then((reply) => reply.text());
    await page
      .getByText('No backend is there: requests are refused until one is.')
      .waitFor({ timeout: 20_000 });
    await end();
  },
);

on(
  'a daemon that is gone is said to be gone, what was there stays, and the page comes back with it by itself',
  { past: workingDay(Date.now(), 40, 5) },
  async (stage) => {
    const { page, complaints } = await visit(browser, stage.url);
    await rows(page).nth(24).waitFor();
    await stage.stop();
    await page
      .getByRole('alert')
      .getByText(/What you see is from \d\d:\d\d:\d\d/)
      .waitFor();
    assert.equal(await text(page, '#daemon-state'), 'not reached');
    assert.equal(await rows(page).count(), 25, 'what was known stays');
    await picture(page, 'daemon-gone');

    await stage.start();
    await running(page);
    assert.equal(await page.locator('#banner').isVisible(), false);
    await (await stage.ask({ text: 'Are you back?' })).text();
    await page.locator('#history tbody tr', { hasText: 'ok' }).first().waitFor();
    await page.close();
    // What the browser itself says of a refused connection is all there is.
    assert.deepEqual(
      complaints.filter(
        (each) => !/ERR_CONNECTION_REFUSED|ERR_INCOMPLETE_CHUNKED|ERR_CONNECTION_RESET/.test(each),
      ),
      [],
    );
  },
);

on(
  'a chart that is not drawn anew yet makes a narrowed page no wider',
  { past: workingDay(Date.now(), 30, 3) },
  async (stage) => {
    const { page, end } = await visit(browser, stage.url);
    // The browser tells of a new size when it has time to: here it never has.
    await page.addInitScript(() => {
      globalThis.ResizeObserver = class {
        observe() {}
        unobserve() {}
        disconnect() {}
      };
    });
    await page.reload();
    await page.locator('#ttft-chart canvas').waitFor();
    await page.setViewportSize({ width: 400, height: 860 });
    const canvas = await page.locator('#ttft-chart canvas').boundingBox();
    assert.ok((canvas?.width ?? 0) > 400, 'the chart is as wide as it was');
    await assertFits(page);
    await end();
  },
);

on(
  'one request is explained in a panel with an address of its own, by keyboard alone',
  { past: workingDay(Date.now(), 30, 3) },
  async (stage) => {
    stage.lmstudio.next(stage.lmstudio.says({ text: 'Done.', promptTokens: 9_000 }));
    await (
      await stage.ask({ text: 'Fix the bug: rename boil to heat in kettle.ts, then add a test.' })
    ).text();
    const { page, end } = await visit(browser, stage.url);
    const link = rows(page).first().locator('a');
    await link.waitFor();
    await link.focus();
    await page.keyboard.press('Enter');
    const panel = page.locator('#explanation');
    await panel.getByText('Predicted seconds of each choice').waitFor();
    assert.match(page.url(), /#request\/req_/);
    const said = await panel.innerText();
    for (const part of [
      /% sure/,
      /log-odds/,
      /prefill/,
      /later turns/,
      /first token after/,
      /What happened/,
      /lmstudio/,
    ]) {
      assert.match(said, part);
    }
    assert.equal(await page.evaluate(() => document.activeElement?.closest('dialog')?.id), 'explanation');
    await picture(page, 'explanation');
    await page.setViewportSize({ width: 400, height: 860 });
    await assertFits(page);
    await picture(page, 'explanation-400px');
    await page.setViewportSize({ width: 1280, height: 900 });

    await page.keyboard.press('Escape');
    await panel.waitFor({ state: 'hidden' });
    assert.doesNotMatch(page.url(), /#/);
    assert.equal(await link.evaluate((each) => each === document.activeElement), true, 'the focus is back');

    const request = await link.getAttribute('href');
    await page.goto(`${stage.url}/${request}`);
    await panel.getByText('What happened').waitFor();
    await end();
  },
);

on(
  'filters and pages keep to the history’s own order, and a link keeps the filters',
  { past: workingDay(Date.now(), 120, 20) },
  async (stage) => {
    const { page, end } = await visit(browser, stage.url);
    await rows(page).nth(24).waitFor();
    const first = await rows(page).first().innerText();
    await page.getByRole('button', { name: 'Older' }).click();
    await page.waitForFunction(
      (was) => !document.querySelector('#history tbody')?.textContent?.includes(was),
      first.slice(0, 8),
    );
    await page.getByRole('button', { name: 'Newer' }).click();
    await rows(page).getByText(first.slice(0, 8), { exact: true }).waitFor();

    await page.getByLabel('result').selectOption('failed');
    await page.locator('#history tbody tr[data-result="completed"]').first().waitFor({ state: 'detached' });
    assert.match(page.url(), /\?result=failed$/);
    await page.reload();
    await rows(page).first().waitFor();
    const results = await rows(page).evaluateAll((all) => all.map((row) => row.getAttribute('data-result')));
    assert.deepEqual([...new Set(results)], ['failed']);
    await page.getByLabel('project').fill('no such project');
    await page.keyboard.press('Enter');
    await page.getByText('No request fits these filters.').waitFor();
    await page.getByRole('button', { name: 'Clear' }).click();
    await rows(page).nth(24).waitFor();
    await end();
  },
);

on(
  'every control is reached by Tab and shows that it has the focus',
  { past: workingDay(Date.now(), 5, 1) },
  async (stage) => {
    const { page, end } = await visit(browser, stage.url);
    await rows(page).nth(4).waitFor();
    const reached: string[] = [];
    for (let i = 0; i < 40; i += 1) {
      await page.keyboard.press('Tab');
      const at = await page.evaluate(() => {
        const element = document.activeElement;
        if (!(element instanceof HTMLElement) || element === document.body) return 'body';
        const shown = element.matches('[name="period"]') ? element.nextElementSibling : element;
        const outline = shown ? getComputedStyle(shown).outlineStyle : 'none';
        return `${element.getAttribute('name') ?? element.textContent?.trim()}|${outline}`;
      });
      if (at === 'body') break;
      reached.push(at);
    }
    const names = reached.map((each) => each.split('|')[0]);
    for (const name of [
      'Skip to the history',
      'period',
      'task',
      'backend',
      'result',
      'project',
      'session',
      'Clear',
      'As a table',
    ]) {
      assert.ok(names.includes(name), `${name} is not reached: ${names.join(', ')}`);
    }
    assert.deepEqual(
      reached.filter((each) => each.endsWith('|none')),
      [],
    );
    await end();
  },
);

const NOT_NOW = 'The record cannot be read now: the disk is busy.';

on(
  'a period that cannot be read is not shown under the figures of another, and is shown once it can be',
  { past: workingDay(Date.now(), 60, 8) },
  async (stage) => {
    const { page } = await visit(browser, stage.url);
    const requests = page.locator('#figures .value').last();
    await page.locator('#ttft-chart canvas').waitFor();
    await page.route('**/api/stats?since=1h', (route) =>
      route.fulfill({ status: 503, json: { type: 'error', error: { type: 'api_error', message: NOT_NOW } } }),
    );
    await page.getByText('1 h', { exact: true }).click();
    await page.locator('#period-problem').getByText(NOT_NOW).waitFor();
    const values = await page.locator('#figures .value').allInnerTexts();
    assert.deepEqual([...new Set(values)], ['–'], 'those of 24 h are gone');
    assert.equal(await page.locator('#ttft-chart canvas').count(), 0);
    assert.doesNotMatch(await text(page, '#breaks'), /computed again/);
    await picture(page, 'period-unread', 1100);

    await page.unroute('**/api/stats?since=1h');
    await page.getByText('24 h', { exact: true }).click();
    await page.locator('#ttft-chart canvas').waitFor();
    assert.equal(await text(page, '#period-problem'), '');
    assert.match(await requests.innerText(), /^[1-9]/);
    await page.close();
  },
);

on(
  'figures that cannot be read anew stay, and it is said that they are older',
  { past: workingDay(Date.now(), 30, 3) },
  async (stage) => {
    const { page } = await visit(browser, stage.url);
    await page.locator('#ttft-chart canvas').waitFor();
    const before = await page.locator('#figures').innerText();
    await page.route('**/api/series?since=24h', (route) =>
      route.fulfill({ status: 503, json: { type: 'error', error: { type: 'api_error', message: NOT_NOW } } }),
    );
    // A click on the period that is shown asks nothing: it is read anew with a new stream.
    await page.evaluate(() => dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true })));
    await page.locator('#period-problem').getByText(NOT_NOW).waitFor();
    assert.match(await text(page, '#period-problem'), /^From \d\d:\d\d:\d\d\. /);
    assert.equal(await page.locator('#figures').innerText(), before);
    assert.equal(await page.locator('#ttft-chart canvas').count(), 1);
    await page.close();
  },
);

on('the history has a request while it still runs', {}, async (stage) => {
  const { page, end } = await visit(browser, stage.url);
  // The empty history has been read.
  await page.locator('#welcome h2').waitFor();
  const hold = Promise.withResolvers<void>();
  const reply = await slow(stage, 'mlx', hold.promise, 'Why is the lamp off?');
  await rows(page).first().waitFor();
  assert.doesNotMatch(await rows(page).first().innerText(), /\bok\b/);
  hold.resolve();
  await (await reply).text();
  await page.locator('#history tbody tr', { hasText: 'ok' }).waitFor();
  assert.equal(await rows(page).count(), 1);
  await end();
});

const HOSTILE = '<img src=x onerror=alert(1)><script>alert(2)</script>"\'&';

on('what a client calls its project or its model is text and nothing else', {}, async (stage) => {
  const { page, end } = await visit(browser, stage.url);
  page.on('dialog', () => assert.fail('a script ran'));
  await running(page);
  const hold = Promise.withResolvers<void>();
  stage.mlx.next(stage.mlx.says({ text: 'Hello.', prefill: hold.promise }));
  const reply = stage.ask({ text: 'Why?', project: HOSTILE, model: HOSTILE, session: HOSTILE });
  await page.locator('#live li').waitFor();
  hold.resolve();
  await (await reply).text();
  await page.locator('#history tbody tr', { hasText: 'ok' }).waitFor();
  await rows(page).first().locator('a').click();
  await page.locator('#explanation').getByText('What happened').waitFor();
  assert.match(await text(page, '#explanation'), /<img src=x/, 'it is shown as it is');
  const found = await page.evaluate(
    () => document.querySelectorAll('img[src="x"], body script, [onerror]').length,
  );
  assert.equal(found, 0);
  await end();
});

on(
  'a page that was asleep comes back to life when it is looked at again',
  { past: workingDay(Date.now(), 5, 1) },
  async (stage) => {
    const page = await browser.newPage();
    await page.clock.install();
    await page.goto(stage.url);
    await running(page);
    const reconnected = page.waitForRequest((request) => request.url().endsWith('/api/events'));
    // No ping for longer than a daemon would stay silent: the stream died in the sleep, without a word.
    await page.clock.fastForward(10 * 60_000);
    await page.evaluate(() => document.dispatchEvent(new Event('visibilitychange')));
    await reconnected;
    await running(page);
    await page.close();
  },
);

on(
  'a daemon with a token gives the page to everyone and what it knows to nobody without it',
  { token: 'a-token-of-16-chars', past: workingDay(Date.now(), 5, 1) },
  async (stage) => {
    const asked: string[] = [];
    const { page } = await visit(browser, stage.url);
    page.on('request', (request) => asked.push(request.url()));
    await page.locator('#token').waitFor();
    assert.equal(await rows(page).count(), 0);
    await picture(page, 'token');
    await page.locator('#token').fill('the-wrong-token-here');
    await page.keyboard.press('Enter');
    await page.getByText('That is not its token.').waitFor();
    await page.locator('#token').fill('a-token-of-16-chars');
    await page.keyboard.press('Enter');
    await rows(page).nth(4).waitFor();
    assert.equal(await page.locator('#token-form').isVisible(), false);
    assert.deepEqual(
      asked.filter((url) => url.includes('token-of')),
      [],
      'a token has no place in an address',
    );
    await page.reload();
    await rows(page).nth(4).waitFor();
    await page.close();
  },
);

type Server = 'mlx' | 'lmstudio';
/** Some 21,000 tokens, as Claude Code sends them before a first prompt. */
const LONG = prose('page', 86_000);

/** A request that is accepted and then computed until it is let go. */
async function slow(
  stage: Stage,
  server: Server,
  prefill: Promise<void>,
  text: string,
): Promise<Promise<Response>> {
  const fake = stage[server];
  const asked = fake.posts.length;
  fake.next(fake.says({ text: 'Well.', prefill, promptTokens: 21_300, cachedTokens: 300 }));
  const reply = stage.ask({
    text,
    system: LONG,
    session: `a2f1c9d0-0000-4000-8000-00000000010${server.length}`,
  });
  while (fake.posts.length === asked) await new Promise((resolve) => setTimeout(resolve, 5));
  return reply;
}

/** Nothing sticks out to the right. */
async function assertFits(page: Page): Promise<void> {
  const tooWide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  assert.ok(tooWide <= 0, `${tooWide} px too wide`);
}
