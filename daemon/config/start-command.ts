// How a server that anyclaude knows by name is started, where the settings do not say so themselves.

const COMMANDS: Readonly<Record<string, (port: string) => string>> = {
  'mlx-lm': (port) => `mlx_lm.server --model <path> --port ${port}`,
  lmstudio: (port) => `lms server start --port ${port}`,
};

/** With the port of its own address. Undefined for a server of another name. */
export function startCommandOf(name: string, { port, protocol }: URL): string | undefined {
  return COMMANDS[name]?.(port || (protocol === 'https:' ? '443' : '80'));
}
