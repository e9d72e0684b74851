#!/usr/bin/env node
// What `anyclaude` runs. A prompt line waits for `statusline`, so that one is over before the rest of the command line
// is loaded; the build makes one CommonJS file of this and of what it loads, which Node has ready soonest (0022).

if (process.argv[2] === 'statusline' && process.argv.length === 3) {
  void import('./statusline.ts')
    .then(({ printStatusline }) => printStatusline(process.env))
    .then(() => process.exit(0));
} else {
  void import('./program.ts');
}
