// The command line but for `statusline`, which is over before this is loaded (main.ts). Each command is loaded when it
// is called, so that `status` does not wait for what `start` needs.

import type { Command, Option } from 'commander';
import type { ExitCode } from './terminal.ts';

const { EXIT, note } = await import('./terminal.ts');
const { leaveNpm } = await import('./from-npm.ts');
const { ConfigError } = await import('../daemon/config/error.ts');
const { packageVersion } = await import('../daemon/version.ts');
const { Argument, Command: Program, CommanderError, Option: ProgramOption } = await import('commander');

const program = new Program('anyclaude')
  .description(
    'Lets Claude Code run on your own model servers, routed by task, and records what you waited for.',
  )
  .version(packageVersion())
  .enablePositionalOptions()
  .showHelpAfterError('(anyclaude --help lists the commands)')
  .exitOverride();

const MODES = ['auto', 'task', 'shadow', 'mlx-lm', 'lmstudio', 'claude'];
const STATS_KEYS = ['route', 'backend', 'model', 'session', 'project', 'day', 'hour', 'reason'];

/** What may be chosen is shown and completed; a wrong choice is told by who reads it, as one of a file would be. */
function oneOf(flags: string, description: string, choices: readonly string[]): Option {
  const option = new ProgramOption(flags, description);
  option.argChoices = [...choices];
  return option;
}

/** Registers a command whose action resolves to the exit code. */
function command(name: string, description: string): Command {
  return program.command(name).description(description);
}

function withConfigFlags(registered: Command): Command {
  return registered
    .addOption(oneOf('--mode <mode>', 'where requests go', MODES))
    .option('--port <port>', 'port to listen on (4784)')
    .option('--host <address>', 'address to listen on (127.0.0.1)')
    .option('--config <file>', 'configuration file (config.json in the state folder)');
}

const ends = (code: ExitCode): void => {
  process.exitCode = code;
};

withConfigFlags(command('start', 'start the daemon'))
  .option('--foreground', 'stay in the foreground and log to this terminal')
  .action(async (options) => ends(await (await import('./start.ts')).start(options)));

command('stop', 'stop the daemon; running requests may end first')
  .option('--now', 'end running requests at once')
  .action(async (options) => ends(await (await import('./stop.ts')).stop(options)));

withConfigFlags(command('restart', 'stop the daemon and start it again, with the flags it had')).action(
  async (options) => ends(await (await import('./restart.ts')).restart(options)),
);

command('status', 'what runs, and what is known of each backend')
  .option('--json', 'as JSON')
  .action(async (options) => ends(await (await import('./status.ts')).status(options)));

command('logs', "the daemon's log")
  .option('-f, --follow', 'go on as lines are written')
  .option('-n, --lines <count>', 'how many of the last lines', '50')
  .option('--json', 'lines as they were written')
  .action(async (options) => ends(await (await import('./logs.ts')).logs(options)));

command('stats', 'what happened: requests, cache, waiting, what was saved, by whatever you ask')
  .option('--since <time>', 'such as 15m, 24h, 7d, today or a date (24h)')
  .option('--until <time>', 'the same forms; a day is taken to its end (now)')
  .addOption(oneOf('--by <key>', 'what its rows are', STATS_KEYS).default('route'))
  .option('--json', 'as JSON: docs/stats-json.md')
  .option('--csv', 'the rows for a spreadsheet')
  .option('--md', 'the table for a document')
  .option('--compact', 'the table alone, without the lesser columns')
  .option('--watch', 'drawn anew every 2 s; q quits')
  .action(async (options) => ends(await (await import('./show-stats.ts')).showStats(options)));

command('warm', 'prefill what the sessions of your projects begin with, on each of their backends')
  .option('--json', 'as JSON')
  .action(async (options) => ends(await (await import('./warm.ts')).warm(options)));
command('export', 'every request that is still kept, for other programs')
  .option('--since <time>', 'such as 15m, 24h, 7d, today or a date (24h)')
  .option('--until <time>', 'the same forms; a day is taken to its end (now)')
  .addOption(oneOf('--format <format>', 'how they are written', ['jsonl', 'csv']).default('jsonl'))
  .action(async (options) => ends(await (await import('./show-export.ts')).showExport(options)));

command('explain', 'why a request went where it went, what was expected and what then happened')
  .argument('[request]', 'request id, or -1 for the newest, -2 for the one before it', '-1')
  .option('--json', 'as JSON')
  .action(async (request, options) =>
    ends(await (await import('./show-explain.ts')).showExplain(request, options)),
  );

command('ps', 'what is in flight at this moment')
  .option('--json', 'as JSON')
  .action(async (options) => ends(await (await import('./show-live.ts')).showPs(options)));

command('tail', 'a line a request, as it ends')
  .option('-n, --lines <count>', 'how many of the last ones first', '10')
  .option('-f, --follow', 'go on as requests end (as it does without this)')
  .option('--no-follow', 'end after the last ones; works with the daemon stopped')
  .option('--json', 'one JSON document a line')
  .action(async (options) => ends(await (await import('./show-live.ts')).showTail(options)));

command('top', 'backends, requests in flight and the newest ended ones, live; q quits').action(async () =>
  ends(await (await import('./show-live.ts')).showTop()),
);

command('sessions', 'the coding sessions: turns, requests, waiting and cache of each')
  .option('--since <time>', 'such as 24h, 7d, today or a date', '7d')
  .option('--limit <count>', 'how many, the one used last first', '20')
  .option('--json', 'as JSON')
  .action(async (options) => ends(await (await import('./show-sessions.ts')).showSessions(options)));

command('session', 'one coding session, turn by turn')
  .argument('[session]', 'its id or how that begins, or -1 for the one used last', '-1')
  .option('--json', 'as JSON')
  .action(async (session, options) =>
    ends(await (await import('./show-sessions.ts')).showSession(session, options)),
  );

command('statusline', "one line for Claude Code's prompt: reads its JSON from stdin").action(async () => {
  await (await import('./statusline.ts')).printStatusline(process.env);
});

withConfigFlags(command('run', 'start the daemon if needed, and Claude Code connected to it'))
  .argument('[claude arguments...]', 'after --, handed on to Claude Code as they are')
  .passThroughOptions()
  .action(async (args, options) => ends(await (await import('./run.ts')).run(args, options)));

command('serve-mlx', 'start mlx_lm.server with its prompt cache kept on disk over restarts')
  .argument('[server arguments...]', 'handed on to mlx_lm.server as they are')
  .option('--config <file>', 'configuration file (config.json in the state folder)')
  .allowUnknownOption()
  .passThroughOptions()
  .action(async (args, options) => ends(await (await import('./serve-mlx.ts')).serveMlx(args, options)));

withConfigFlags(command('env', 'print the environment that connects Claude Code to the daemon'))
  .option('--json', 'as JSON')
  .action(async (options) => ends(await (await import('./env.ts')).env(options)));

withConfigFlags(command('doctor', 'check everything the daemon and Claude Code need')).action(
  async (options) => ends(await (await import('./doctor.ts')).doctor(options)),
);

const db = command('db', 'the database as a file');
db.command('path')
  .description('where it is')
  .action(async () => ends((await import('./show-db.ts')).showDb.path()));
db.command('backup')
  .description('a copy of it, while the daemon runs or not')
  .argument('[file]', 'a file that does not exist yet (beside the database, named after the time)')
  .action(async (file) => ends(await (await import('./show-db.ts')).showDb.backup(file)));
db.command('vacuum')
  .description('give room that is no longer used back to the disk')
  .action(async () => ends(await (await import('./show-db.ts')).showDb.vacuum()));
db.command('check')
  .description('read all of it and say whether it is sound')
  .action(async () => ends(await (await import('./show-db.ts')).showDb.check()));

const config = command('config', 'look at the configuration');
withConfigFlags(config.command('path').description('where config.json is looked for')).action(
  async (options) => ends((await import('./config.ts')).showPath(options)),
);
withConfigFlags(config.command('show').description('the configuration in force, without secrets')).action(
  async (options) => ends((await import('./config.ts')).show(options)),
);
withConfigFlags(config.command('check').description('say whether the configuration is right')).action(
  async (options) => ends((await import('./config.ts')).check(options)),
);
config
  .command('schema')
  .description('JSON Schema of config.json')
  .action(async () => ends((await import('./config.ts')).schema()));

command('completion', 'a script that lets your shell complete these commands')
  .addArgument(new Argument('<shell>', 'which shell').choices(['bash', 'zsh', 'fish']))
  .action(async (shell) => {
    process.stdout.write((await import('./completion.ts')).completionScript(program, shell));
  });

// `anyclaude logs | head` closes our stdout: that is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(EXIT.ok);
  note(`anyclaude: the output could not be written: ${error.message}`);
  process.exit(EXIT.failure);
});

leaveNpm();
try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = exitCodeOf(error);
}

function exitCodeOf(error: unknown): ExitCode {
  // commander has told the person already.
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  if (error instanceof ConfigError) {
    note(`anyclaude: ${error.message}`);
    return error.source === 'flag' ? EXIT.usage : EXIT.failure;
  }
  note(
    `anyclaude: unexpected failure: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
  );
  return EXIT.failure;
}
