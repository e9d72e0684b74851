// Which slot files are known to be whole. llama.cpp itself dies of one that was cut, by a disk that was full or by its
// own end in mid-write, so no other is ever restored; and one that it died of is not tried a second time.

import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export type SlotFiles = {
  isWhole(server: string, file: string): boolean;
  /** To be called before the server touches the file: until `whole` says so, it is not to be believed. */
  doubt(server: string, file: string): void;
  whole(server: string, file: string): void;
};

const FORMAT = 1;
const MOST = 64;

export function slotFilesPath(home: string): string {
  return join(home, 'slots.json');
}

/** `server` is its address. Throws where the disk does not take a change. */
export function createSlotFiles(home: string): SlotFiles {
  const path = slotFilesPath(home);
  const known = new Set(read(path));
  const name = (server: string, file: string) => `${server} ${file}`;

  function write(): void {
    const temporary = `${path}.${process.pid}`;
    rmSync(temporary, { force: true });
    const text = JSON.stringify({ format: FORMAT, whole: [...known].slice(-MOST) });
    writeFileSync(temporary, text, { mode: 0o600, flag: 'wx' });
    renameSync(temporary, path);
  }

  return {
    isWhole: (server, file) => known.has(name(server, file)),
    doubt(server, file) {
      if (known.delete(name(server, file))) write();
    },
    whole(server, file) {
      known.add(name(server, file));
      write();
    },
  };
}

/** Nothing is restored on the word of a file that is missing or damaged. */
function read(path: string): readonly string[] {
  try {
    const content: unknown = JSON.parse(readFileSync(path, 'utf8'));
    return isOurs(content) ? content.whole.filter((each) => typeof each === 'string') : [];
  } catch {
    return [];
  }
}

function isOurs(content: unknown): content is { readonly whole: readonly unknown[] } {
  return (
    typeof content === 'object' &&
    content !== null &&
    'format' in content &&
    content.format === FORMAT &&
    'whole' in content &&
    Array.isArray(content.whole)
  );
}
