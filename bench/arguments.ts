// The command line of a bench. What it does not know is said in one sentence, and nothing is measured.

import { type ParseArgsConfig, parseArgs } from 'node:util';

/** As `parseArgs`; a command line that does not fit ends the process with exit code 2. */
export function readArguments<const T extends ParseArgsConfig>(config: T): ReturnType<typeof parseArgs<T>> {
  try {
    return parseArgs(config);
  } catch (error) {
    const [sentence = ''] = (error instanceof Error ? error.message : String(error)).split(/(?<=')\. /);
    process.stderr.write(`${sentence.replace(/\.$/, '')}.\n`);
    process.exit(2);
  }
}
