// `npm run build`: what the package ships. Beside the compiled modules it is the built-in page, as it is written, and
// what `anyclaude` runs as one file.
//
//   [FOLDER]  where to (dist)

import { spawnSync } from 'node:child_process';
import { cpSync, readdirSync } from 'node:fs';
import { extname, join, resolve } from 'node:path';
import { build } from 'esbuild';

const root = join(import.meta.dirname, '..');
const to = resolve(process.argv[2] ?? join(root, 'dist'));

compile();
copyPage();
await bundleEntry();

function compile(): void {
  const typescript = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  const args = [typescript, '-p', join(root, 'tsconfig.build.json'), '--outDir', to];
  if (spawnSync(process.execPath, args, { stdio: ['ignore', 2, 2] }).status !== 0) process.exit(1);
}

function copyPage(): void {
  const page = join(root, 'daemon', 'page');
  for (const name of readdirSync(page)) {
    if (['.html', '.css', '.js', '.svg'].includes(extname(name)))
      cpSync(join(page, name), join(to, 'daemon', 'page', name));
  }
}

/** CommonJS, because Node has a single such file ready before it would have loaded its loader of modules. */
async function bundleEntry(): Promise<void> {
  await build({
    entryPoints: [join(root, 'cli', 'main.ts')],
    outfile: join(to, 'cli', 'main.cjs'),
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node22',
    packages: 'external',
    logLevel: 'warning',
    plugins: [
      {
        name: 'the rest of the command line stays where it is compiled to',
        setup: ({ onResolve }) =>
          onResolve({ filter: /^\.\/program\.ts$/ }, () => ({ path: './program.js', external: true })),
      },
    ],
  });
}
