import { type Place, quoted, takers, type Values } from './completion.ts';

/** For bash 3.2 too, which macOS has. Needs nothing of the package bash-completion. */
export function bashScript(program: string, places: readonly Place[]): string {
  const name = `_${program.replaceAll('-', '_')}`;
  const paths = places.map(({ path }) => path).filter((path) => path !== '');
  const taking = takers(places);
  return `# ${program} for bash. In ~/.bashrc: eval "$(${program} completion bash)"
${name}() {
  local word=\${COMP_WORDS[COMP_CWORD]} before=\${COMP_WORDS[COMP_CWORD-1]} path='' i
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    [ "\${COMP_WORDS[i]}" = -- ] && { COMPREPLY=($(compgen -f -- "$word")); return; }
    case "$path:\${COMP_WORDS[i]}" in
      ${taking.map(({ at }) => quoted(at)).join('|')}) i=$((i + 1)); continue ;;
    esac
    case "\${path:+$path }\${COMP_WORDS[i]}" in
      ${paths.map(quoted).join('|')}) path="\${path:+$path }\${COMP_WORDS[i]}" ;;
    esac
  done
  case "$path:$before" in
${taking.map(({ at, value }) => `    ${quoted(at)}) ${reply(value)}; return ;;`).join('\n')}
  esac
  case "$path" in
${places.map(placeCase).join('\n')}
  esac
}
complete -F ${name} ${program}
`;
}

function placeCase({ path, commands, argument, options }: Place): string {
  const flags = options.flatMap(({ names }) => names);
  const plain = commands.length > 0 ? commands.map(({ word }) => word) : argument;
  return `    ${quoted(path)})
      if [[ $word == -* ]]; then ${reply(flags)}
      else ${reply(plain)}; fi ;;`;
}

function reply(values: Values): string {
  if (values === 'none' || values === 'free') return 'COMPREPLY=()';
  if (values === 'files') return 'COMPREPLY=($(compgen -f -- "$word"))';
  return `COMPREPLY=($(compgen -W ${quoted(values.join(' '))} -- "$word"))`;
}
