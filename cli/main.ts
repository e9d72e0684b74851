#!/usr/bin/env node
// The command line. Each command is loaded when it is called, so that `status` does not wait for what `start` needs.

import { Command, CommanderError } from 'commander';
import { ConfigError } from '../daemon/config-error.ts';
import { packageVersion } from '../daemon/version.ts';
import { EXIT, type ExitCode, note } from './terminal.ts';

const program = new Command('anyclaude')
  .description(
    'Lets Claude Code run on your own model servers, routed by task, and records what you waited for.',
  )
  .version(packageVersion())
  .enablePositionalOptions()
  .showHelpAfterError('(anyclaude --help lists the commands)')
  .exitOverride();

/** Registers a command whose action resolves to the exit code. */
function command(name: string, description: string): Command {
  return program.command(name).description(description);
}

function withConfigFlags(registered: Command): Command {
  return registered
    .option('--mode <mode>', 'auto, task, shadow, mlx-lm, lmstudio or claude')
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

command('stats', 'what happened: requests, cache, waiting, by route, backend, model or day')
  .option('--since <period>', 'such as 15m, 24h, 7d, today or a date', '24h')
  .option('--by <key>', 'route, backend, model or day', 'route')
  .option('--json', 'as JSON')
  .action(async (options) => ends(await (await import('./show-stats.ts')).showStats(options)));

command('explain', 'why a request went where it went, what was expected and what then happened')
  .argument('[request]', 'request id, or -1 for the newest, -2 for the one before it', '-1')
  .option('--json', 'as JSON')
  .allowUnknownOption()
  .action(async (request, options) =>
    ends(await (await import('./show-explain.ts')).showExplain(request, options)),
  );

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

// `anyclaude logs | head` closes our stdout: that is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit(EXIT.ok);
});

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
