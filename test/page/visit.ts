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

/**
 * The page from its top down to `height`, as far as the window reaches where that is not given. Without a folder to
 * write to it is drawn all the same.
 */
export async function picture(page: Page, name: string, height?: number): Promise<void> {
  if (PICTURES) mkdirSync(PICTURES, { recursive: true });
  const { width = 0 } = page.viewportSize() ?? {};
  const bytes = await page.screenshot({
    animations: 'disabled',
    ...(height !== undefined && { fullPage: true, clip: { x: 0, y: 0, width, height } }),
    ...(PICTURES && { path: join(PICTURES, `${name}.png`) }),
  });
  assert.ok(bytes.length > 5_000, 'a picture of something');
}
