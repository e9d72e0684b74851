import { type Place, quoted, takers, type Values, type Word } from './completion.ts';

/** Works from `eval` and as a file `_anyclaude` on the `fpath` alike. */
export function zshScript(program: string, places: readonly Place[]): string {
  const name = `_${program.replaceAll('-', '_')}`;
  const paths = places.map(({ path }) => path).filter((path) => path !== '');
  const taking = takers(places);
  return `#compdef ${program}
# ${program} for zsh. In ~/.zshrc, after compinit: eval "$(${program} completion zsh)"
${name}() {
  local place='' i
  local -a found
  for ((i = 2; i < CURRENT; i++)); do
    [[ $words[i] == -- ]] && { _files; return }
    case "$place:$words[i]" in
      (${taking.map(({ at }) => quoted(at)).join('|')}) ((i++)); continue ;;
    esac
    case "\${place:+$place }$words[i]" in
      (${paths.map(quoted).join('|')}) place="\${place:+$place }$words[i]" ;;
    esac
  done
  case "$place:$words[CURRENT-1]" in
${taking.map(({ at, value }) => `    (${quoted(at)}) ${reply(value)}; return ;;`).join('\n')}
  esac
  case "$place" in
${places.map(placeCase).join('\n')}
  esac
}
if [[ $funcstack[1] == ${name} ]]; then ${name} "$@"; else compdef ${name} ${program}; fi
`;
}

function placeCase({ path, commands, argument, options }: Place): string {
  const flags = options.flatMap(({ names, description }) => names.map((word) => ({ word, description })));
  const plain = commands.length > 0 ? described('command', commands) : reply(argument);
  return `    (${quoted(path)})
      if [[ $words[CURRENT] == -* ]]; then ${described('option', flags)}
      else ${plain}; fi ;;`;
}

function reply(values: Values): string {
  if (values === 'none' || values === 'free') return 'true';
  if (values === 'files') return '_files';
  return `found=(${values.map(quoted).join(' ')}); _describe value found`;
}

function described(what: string, words: readonly Word[]): string {
  const entry = ({ word, description }: Word) => quoted(`${word.replaceAll(':', '\\:')}:${description}`);
  return `found=(${words.map(entry).join(' ')}); _describe ${what} found`;
}
