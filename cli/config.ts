import {
  type Config,
  type ConfigFlags,
  configJsonSchema,
  configPath,
  readConfig,
} from '../daemon/config/config.ts';
import { EXIT, type ExitCode, print, printJson } from './terminal.ts';

export function showPath(flags: ConfigFlags): ExitCode {
  print(configPath(flags, process.env));
  return EXIT.ok;
}

export function show(flags: ConfigFlags): ExitCode {
  printJson(withoutSecrets(readConfig({ flags, env: process.env })));
  return EXIT.ok;
}

export function check(flags: ConfigFlags): ExitCode {
  const { mode, backends } = readConfig({ flags, env: process.env });
  print(`The configuration is right: mode ${mode}, backends ${Object.keys(backends).join(', ') || 'none'}.`);
  return EXIT.ok;
}

export function schema(): ExitCode {
  printJson(configJsonSchema());
  return EXIT.ok;
}

const MASK = '(set)';

function withoutSecrets(config: Config): Config {
  const backends = Object.entries(config.backends).map(([name, backend]) => [
    name,
    backend.apiKey === undefined ? backend : { ...backend, apiKey: MASK },
  ]);
  return {
    ...config,
    ...(config.token === undefined ? {} : { token: MASK }),
    backends: Object.fromEntries(backends),
  };
}
