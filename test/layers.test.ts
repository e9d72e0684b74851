// The dependency rule of CONTRIBUTING.md: imports point downward only, `import type` included.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';

const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  wire: [],
  router: ['wire'],
  backend: ['wire'],
  migrations: ['router', 'wire'],
  store: ['router', 'wire', 'migrations'],
  daemon: ['backend', 'store', 'router', 'wire'],
  cli: ['daemon', 'store', 'backend', 'router', 'wire'],
};

for (const [layer, allowed] of Object.entries(MAY_IMPORT)) {
  test(`${layer} imports nothing but ${['itself', ...allowed].join(', ')}`, () => {
    const files = readdirSync(layer, { recursive: true, encoding: 'utf8' }).filter((f) => f.endsWith('.ts'));
    assert.ok(files.length > 0, `${layer} holds no file`);
    for (const file of files) {
      const depth = file.split('/').length;
      const imports = readFileSync(`${layer}/${file}`, 'utf8').matchAll(/(?:from|import\()\s*'(\.[^']+)'/g);
      for (const [, path = ''] of imports) {
        const up = path.match(/\.\.\//g)?.length ?? 0;
        if (up < depth) continue;
        const target = path.split('../').at(-1)?.split('/')[0] ?? '';
        assert.ok(target === layer || allowed.includes(target), `${layer}/${file} imports ${path}`);
      }
    }
  });
}
