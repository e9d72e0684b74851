// One open page, and everything that a browser complained about while it was open.

import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';

export type Visit = {
  readonly page: Page;
  /** Console errors, uncaught errors and violations of the content security policy, in words. */
  readonly complaints: readonly string[];
  /** Asserts that there were none and closes the page. */
  end(): Promise<void>;
};

/** Where pictures go, set by scripts/page-pictures.ts; without it none is kept. */
const PICTURES = process.env['ANYCLAUDE_PAGE_PICTURES'];

export async function visit(browser: Browser, url: string, look: BrowserContextOptions = {}): Promise<Visit> {
  const page = await browser.newPage({
    viewport: { width: 1280, height: 900 },
    colorScheme: 'light',
    ...look,
  });
  const complaints: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(String(error)));
  await page.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', (event) => {
      console.error(`CSP: ${event.effectiveDirective} ${event.blockedURI} ${event.sample}`);
    });
  });
  await page.goto(url);
  return {
    ...{ page, complaints },
    async end() {
      await page.close();
      assert.deepEqual(complaints, []);
    },
  };
}

/** The whole page, or what can be seen of it. Returns once it is written; without a folder to write to it still draws. */
export async function picture(page: Page, name: string, extent: 'page' | 'screen' = 'page'): Promise<void> {
  const bytes = await page.screenshot({
    fullPage: extent === 'page',
    animations: 'disabled',
    ...(PICTURES && { path: join(PICTURES, `${name}.png`) }),
  });
  if (PICTURES) mkdirSync(PICTURES, { recursive: true });
  assert.ok(bytes.length > 5_000, 'a picture of something');
}
