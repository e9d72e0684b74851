import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The version in the package.json of this package, from the sources as from dist/. */
export function packageVersion(): string {
  for (const above of ['..', '../..']) {
    const path = join(import.meta.dirname, above, 'package.json');
    try {
      const content: unknown = JSON.parse(readFileSync(path, 'utf8'));
      if (hasVersion(content)) return content.version;
    } catch {
      // dist/ has no package.json of its own: the one above it counts.
    }
  }
  return 'unknown';
}

function hasVersion(value: unknown): value is { readonly version: string } {
  return (
    typeof value === 'object' && value !== null && 'version' in value && typeof value.version === 'string'
  );
}
