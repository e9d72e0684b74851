/** A line of the log for people: time, level, sentence, then what else it holds. Other lines stay as they are. */
export function renderLogLine(line: string): string {
  const fields = parseLine(line);
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
  if (isRecord(value) && typeof value['stack'] === 'string') return `\n${value['stack']}`;
  return JSON.stringify(value);
}

function parseLine(line: string): Readonly<Record<string, unknown>> | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    const parsed: unknown = JSON.parse(line);
    return isRecord(parsed) ? parsed : undefined;
  } catch {
    return undefined;
  }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
