// `node scripts/page-pictures.ts`: the pictures of the built-in page in docs/page, taken by its own tests.

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const { status } = spawnSync(process.execPath, ['--test', 'test/page/page.test.ts'], {
  cwd: root,
  stdio: 'inherit',
  env: { ...process.env, ANYCLAUDE_PAGE_PICTURES: join(root, 'docs', 'page') },
});
process.exitCode = status ?? 1;
