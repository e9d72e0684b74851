// Bundles the page, opens it in Chromium and takes a picture of each row of the dashboard.

import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { openChromium } from '../../test/page/chromium.ts';

import { BOARD_WIDTH, type Board, manifestOf, PICTURES, picturesOf } from './board.ts';
import type { Drawable, Range } from './page/given.ts';

const MARGIN = 12;
const FOLDER = import.meta.dirname;
const HTML = `<!doctype html><body style="margin:0;background:#111217">
<div id="board" style="position:absolute;left:${MARGIN}px;top:${MARGIN}px"></div></body>`;

/** Grafana's components, in the folder of their own. */
export function installComponents(): void {
  if (existsSync(join(FOLDER, 'node_modules', '@grafana', 'ui'))) return;
  run('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']);
}

/** Writes docs/grafana: the pictures, and what they are of. */
export async function drawAll(board: Board, drawables: readonly Drawable[], range: Range): Promise<void> {
  const bundle = await bundled();
  const browser = await openChromium();
  try {
    const height = Math.max(...drawables.map(({ box }) => box.top + box.height));
    const page = await browser.newPage({
      viewport: { width: BOARD_WIDTH + 2 * MARGIN, height: height + 2 * MARGIN },
    });
    const failed = new Promise<never>((_, reject) => page.on('pageerror', reject));
    // No network: the one page is made here, and what it asks for beside itself does not exist.
    await page.route('**/*', (route) =>
      route.request().isNavigationRequest()
        ? route.fulfill({ contentType: 'text/html', body: HTML })
        : route.abort(),
    );
    await page.goto('http://board.invalid/');
    await page.evaluate((given) => Object.assign(globalThis, { given }), { drawables, range });
    await page.addScriptTag({ content: bundle });
    await Promise.race([settled(page, drawables.length), failed]);
    await takePictures(page, board, drawables);
  } finally {
    await browser.close();
  }
  await writeFile(join(PICTURES, 'pictures.json'), `${JSON.stringify(manifestOf(board), undefined, 2)}\n`);
}

async function bundled(): Promise<string> {
  const out = await mkdtemp(join(tmpdir(), 'anyclaude-bundle-'));
  const file = join(out, 'page.js');
  run('node_modules/.bin/esbuild', [
    ...['page/main.tsx', '--bundle', '--keep-names', '--format=iife', '--jsx=automatic', `--outfile=${file}`],
    ...[
      '--loader:.woff2=dataurl',
      '--loader:.woff=empty',
      '--loader:.ttf=empty',
      '--loader:.svg=dataurl',
      '--log-level=error',
    ],
    '--alias:react-custom-scrollbars-2=./page/scrollbars.tsx',
    '--define:process.env.NODE_ENV="development"',
  ]);
  const css = await readFile(join(out, 'page.css'), 'utf8').catch(() => '');
  const script = await readFile(file, 'utf8');
  await rm(out, { recursive: true, force: true });
  const style = `const style=document.createElement('style');style.textContent=${JSON.stringify(css)};document.head.append(style);`;
  return `${style}\n${script}`;
}

/** Until every panel is there, the fonts are, and two frames have been painted since. */
async function settled(page: Page, count: number): Promise<void> {
  await page.waitForFunction(`document.querySelectorAll('#board > *').length >= ${count}`);
  await page.evaluate('document.fonts.ready.then(() => undefined)');
  await page.waitForTimeout(1_000);
}

async function takePictures(page: Page, board: Board, drawables: readonly Drawable[]): Promise<void> {
  await mkdir(PICTURES, { recursive: true });
  for (const { file, panels } of picturesOf(board)) {
    const boxes = drawables.filter(({ panel }) => panels.includes(panel)).map(({ box }) => box);
    const top = Math.min(...boxes.map((box) => box.top));
    const bottom = Math.max(...boxes.map((box) => box.top + box.height));
    const clip = { x: 0, y: top + MARGIN - 3, width: BOARD_WIDTH + 2 * MARGIN, height: bottom - top + 8 };
    await page.screenshot({ path: join(PICTURES, file), clip });
  }
}

function run(file: string, args: readonly string[]): void {
  const { status, error } = spawnSync(file, args, { cwd: FOLDER, stdio: ['ignore', 'inherit', 'inherit'] });
  if (status !== 0) throw new Error(`${file} ${args[0]} failed${error ? `: ${error.message}` : ''}.`);
}
