// A throw-away project on disk for the sample session, and the two tools that work on it. What they read and
// change are real files; the folder is removed at the end.

import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve, sep } from 'node:path';

export type DemoProject = {
  readonly folder: string;
  readonly cartFile: string;
  /** Runs one tool call on the files of the folder; anything else is answered with an error text. */
  runTool(name: string, input: unknown): { readonly text: string; readonly isError: boolean };
  remove(): void;
};

const CART = `import { round2 } from './money.js';

export function total(items, coupon) {
  let sum = 0;
  for (const item of items) sum += item.price * item.quantity;
  if (coupon?.kind === 'percent') sum -= sum * coupon.value;
  if (coupon?.kind === 'fixed') sum -= coupon.value;
  return round2(sum);
}
`;

export function createProject(): DemoProject {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'anyclaude-demo-')));
  const cartFile = join(folder, 'src', 'cart.js');
  mkdirSync(dirname(cartFile));
  writeFileSync(cartFile, CART);
  writeFileSync(join(folder, 'src', 'money.js'), 'export const round2 = (n) => Math.round(n * 100) / 100;\n');
  return {
    folder,
    cartFile,
    runTool: (name, input) => {
      try {
        return { text: run(folder, name, input as Record<string, unknown>), isError: false };
      } catch (error) {
        return { text: error instanceof Error ? error.message : String(error), isError: true };
      }
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

function run(folder: string, name: string, input: Record<string, unknown>): string {
  const path = inside(folder, String(input['file_path']));
  if (name === 'Read') return readFileSync(path, 'utf8');
  if (name !== 'Edit') throw new Error(`The sample project has no tool ${name}.`);
  const before = readFileSync(path, 'utf8');
  const old = String(input['old_string']);
  if (!before.includes(old)) throw new Error('old_string is not in the file.');
  writeFileSync(
    path,
    before.replace(old, () => String(input['new_string'])),
  );
  return `Edited ${path}.`;
}

/** A model's path never leads out of the throw-away folder. */
function inside(folder: string, path: string): string {
  const full = resolve(folder, path);
  if (!full.startsWith(folder + sep)) throw new Error('Only files of the sample project can be used.');
  return full;
}

export const TOOLS = [
  {
    name: 'Edit',
    description: 'Replaces one exact piece of text in a file.',
    input_schema: {
      type: 'object' as const,
      properties: {
        file_path: { type: 'string' },
        old_string: { type: 'string' },
        new_string: { type: 'string' },
      },
      required: ['file_path', 'old_string', 'new_string'],
    },
  },
  {
    name: 'Read',
    description: 'Reads a file of the project.',
    input_schema: {
      type: 'object' as const,
      properties: { file_path: { type: 'string' } },
      required: ['file_path'],
    },
  },
];
