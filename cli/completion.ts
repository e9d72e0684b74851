// `anyclaude completion`: a script for a shell, made from the very commands that the program has, so that it knows
// what they know.

import type { Command, Option } from 'commander';
import { bashScript } from './completion-bash.ts';
import { fishScript } from './completion-fish.ts';
import { zshScript } from './completion-zsh.ts';

export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

export type Word = { readonly word: string; readonly description: string };

/** What may follow where a value is expected. `free`: only the person knows. */
export type Values = 'none' | 'files' | 'free' | readonly string[];

/** One place on the command line: after the names in `path`, `''` after the program alone. */
export type Place = {
  readonly path: string;
  readonly commands: readonly Word[];
  /** A command's own argument. */
  readonly argument: Values;
  readonly options: readonly OptionShape[];
};

export type OptionShape = {
  /** `-f` and `--follow`. */
  readonly names: readonly string[];
  readonly description: string;
  readonly value: Values;
};

/** Ends with a line break. */
export function completionScript(program: Command, shell: Shell): string {
  const places = placesOf(program);
  switch (shell) {
    case 'bash':
      return bashScript(program.name(), places);
    case 'zsh':
      return zshScript(program.name(), places);
    case 'fish':
      return fishScript(program.name(), places);
    default:
      return shell satisfies never;
  }
}

/** The program's own place first, each command before its subcommands. */
export function placesOf(program: Command): readonly Place[] {
  const help = program.createHelp();
  const visit = (command: Command, path: string): readonly Place[] => {
    const commands = help.visibleCommands(command);
    const below = (child: Command) => `${path} ${child.name()}`.trim();
    const [argument] = command.registeredArguments;
    const here: Place = {
      path,
      commands: commands.map((child) => ({ word: child.name(), description: child.description() })),
      argument: argument === undefined ? 'none' : valuesOf(argument.name(), argument.argChoices),
      options: help.visibleOptions(command).map(optionShape),
    };
    // What commander adds by itself is listed; it has no options of its own.
    const own = commands.filter((child) => command.commands.includes(child));
    return [here, ...own.flatMap((child) => visit(child, below(child)))];
  };
  return visit(program, '');
}

function optionShape({
  short,
  long,
  description,
  required,
  optional,
  argChoices,
  flags,
}: Option): OptionShape {
  const valueName = /[<[]([^>\]]+)/.exec(flags)?.[1] ?? '';
  return {
    names: [short, long].filter((name) => name !== undefined),
    description,
    value: required || optional ? valuesOf(valueName, argChoices) : 'none',
  };
}

/** Beginnings for what may be written in many ways. */
const SUGGESTED: Readonly<Record<string, Values>> = {
  file: 'files',
  time: ['1h', '24h', '7d', '30d', 'today'],
};

function valuesOf(name: string, choices: readonly string[] | undefined): Values {
  return choices ?? SUGGESTED[name] ?? 'free';
}

/** For every shell alike: nothing in it is special. */
export function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** Options that take the next word with them, as `path:--name`. */
export function takers(places: readonly Place[]): readonly { readonly at: string; readonly value: Values }[] {
  return places.flatMap(({ path, options }) =>
    options
      .filter(({ value }) => value !== 'none')
      .flatMap(({ names, value }) => names.map((name) => ({ at: `${path}:${name}`, value }))),
  );
}
