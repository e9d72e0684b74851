import type { OptionShape, Place, Values } from './completion.ts';
import { takers } from './completion.ts';

export function fishScript(program: string, places: readonly Place[]): string {
  const name = `__${program.replaceAll('-', '_')}`;
  const paths = places.map(({ path }) => path).filter((path) => path !== '');
  const at = (path: string) => `-n "${name}_at '${path}'"`;
  const lines = places.flatMap((place) => [
    ...place.commands.map(
      ({ word, description }) =>
        `complete -c ${program} ${at(place.path)} -f -a ${word} -d ${quoted(description)}`,
    ),
    ...argumentLine(place).map((rest) => `complete -c ${program} ${at(place.path)} ${rest}`),
    ...place.options.map((option) => `complete -c ${program} ${at(place.path)} ${optionWords(option)}`),
  ]);
  return `# ${program} for fish. ${program} completion fish > ~/.config/fish/completions/${program}.fish
function ${name}_at
    set -l place ''
    set -l skips 0
    for token in (commandline -opc)[2..-1]
        if test $skips = 1
            set skips 0
            continue
        end
        test "$token" = -- && return 1
        switch "$place:$token"
            case ${takers(places)
              .map((taker) => quoted(taker.at))
              .join(' ')}
                set skips 1
        end
        switch (string trim -- "$place $token")
            case ${paths.map(quoted).join(' ')}
                set place (string trim -- "$place $token")
        end
    end
    test "$place" = "$argv[1]"
end
${lines.join('\n')}
`;
}

function argumentLine({ commands, argument }: Place): readonly string[] {
  return commands.length > 0 ? [] : [valueWords(argument)];
}

function optionWords({ names, description, value }: OptionShape): string {
  const flags = names.map((name) => (name.startsWith('--') ? `-l ${name.slice(2)}` : `-s ${name.slice(1)}`));
  const takes = value === 'none' ? '' : ` -r ${valueWords(value)}`;
  return `${flags.join(' ')}${takes} -d ${quoted(description)}`;
}

function valueWords(values: Values): string {
  if (values === 'files') return '-F';
  return values === 'none' || values === 'free' ? '-f' : `-f -a ${quoted(values.join(' '))}`;
}

/** fish takes a backslash within single quotes as one. */
function quoted(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}
