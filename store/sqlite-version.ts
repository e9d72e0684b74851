// Which SQLite may touch the file.

/** Older SQLite can lose a WAL that is reset while a reader looks on (sqlite.org/wal.html#walresetbug). */
export function isSafeSqlite(version: string): boolean {
  const [major = 0, minor = 0, patch = 0] = version.split('.').map(Number);
  return major * 1e6 + minor * 1e3 + patch >= 3_051_003;
}
