// A real Chromium. On a person's machine its absence skips a test; under CI it fails.

import { existsSync } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';

const PATH = process.env['CHROMIUM_PATH'] ?? '/usr/bin/chromium';

/** The reason to skip; false where it is there, or must be. */
export function chromiumIsMissing(): string | false {
  if (process.env['CI'] === 'true' || existsSync(PATH)) return false;
  return `there is no ${PATH}; scripts/install-test-tools.sh installs it on Debian and Ubuntu, CHROMIUM_PATH names another`;
}

export function openChromium(): Promise<Browser> {
  return chromium.launch({
    executablePath: PATH,
    args: [
      '--headless',
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
}
