import { asFields, parseFields } from '../wire/fields.ts';

/** A line of the log for people: time, level, sentence, then what else it holds. Other lines stay as they are. */
export function renderLogLine(line: string): string {
  const fields = parseFields(line);
  if (fields === undefined) return line;
  const { time, level, msg, ...rest } = fields;
  const details = Object.entries(rest).map(([name, value]) => `${name}=${shown(value)}`);
  const clock = typeof time === 'string' ? time.slice(11, 19) : String(time ?? '');
  return [clock, levelName(level), ...(msg === undefined ? [] : [String(msg)]), ...details].join(' ');
}

/** pino's numbers. */
const LEVELS: Readonly<Record<string, string>> = {
  10: 'trace',
  20: 'debug',
  30: 'info ',
  40: 'WARN ',
  50: 'ERROR',
  60: 'FATAL',
};

function levelName(level: unknown): string {
  return LEVELS[String(level)] ?? String(level ?? '-');
}

function shown(value: unknown): string {
  if (typeof value === 'string' && !/[\s"=]/.test(value)) return value;
  const stack = asFields(value)?.['stack'];
  if (typeof stack === 'string') return `\n${stack}`;
  return JSON.stringify(value);
}
