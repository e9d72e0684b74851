// Part of `npm run build`: the built-in page is shipped as it is written, beside the compiled daemon that serves it.

import { cpSync, readdirSync } from 'node:fs';
import { extname, join } from 'node:path';

const root = join(import.meta.dirname, '..');
const from = join(root, 'daemon', 'page');
const to = join(root, 'dist', 'daemon', 'page');

for (const name of readdirSync(from)) {
  if (['.html', '.css', '.js', '.svg'].includes(extname(name))) cpSync(join(from, name), join(to, name));
}
