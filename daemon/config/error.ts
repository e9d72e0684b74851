// Why nothing started: one sentence that names the setting, its value and what is allowed.

/** Where a setting was read. A wrong flag is a usage error of the command line. */
export type SettingSource = 'flag' | 'environment' | 'file' | 'default';

/** The configuration cannot be used. The message is for the person who wrote the setting. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly source: SettingSource;

  constructor(message: string, source: SettingSource) {
    super(message);
    this.source = source;
  }
}
