// What a backend says when it fails, in the many shapes in which they say it: a string under `error`, OpenAI's
// object, Anthropic's object, FastAPI's `detail`, plain text, a page of HTML. One function reads them all, for
// status bodies as well as for errors inside a stream.

import type { Fault, FaultReport } from './error.ts';
import { asFields, type Fields, parseFields } from './fields.ts';

const MAX_MESSAGE_CHARS = 500;

/** `fields` is the object that held the error, empty where there was none. */
type Told = { readonly text: string; readonly type: string; readonly fields: Fields };

/**
 * Recognises a fault from a failed answer. `status` is undefined inside a stream, `body` is text or parsed JSON.
 * An HTTP 200 that is handed in here is taken for what it is not: an answer that broke the dialect's promise.
 */
export function faultOfErrorBody(status: number | undefined, body: unknown): FaultReport {
  const told = readError(body);
  const message = told.text === '' ? silentMessage(status) : told.text;
  const overflow = readOverflow(told);
  if (overflow) return { fault: 'overflow', message, ...overflow };
  return { fault: faultOfText(told) ?? faultOfStatus(status, told), message };
}

// ---- Reading what was said ----------------------------------------------------------------------------

function readError(body: unknown): Told {
  if (typeof body === 'string') return readErrorText(body);
  const outer = asFields(body) ?? {};
  const error = outer['error'];
  if (typeof error === 'string') return { text: oneLine(error), type: '', fields: {} };
  const fields = asFields(error) ?? outer;
  const text = [fields['message'], outer['message'], fields['detail']].find(
    (value) => typeof value === 'string',
  );
  const type = [fields['type'], fields['code']].find((value) => typeof value === 'string');
  return { text: oneLine(text ?? ''), type: type ?? '', fields };
}

function readErrorText(body: string): Told {
  const text = body.trim();
  if (/^<(!doctype|html)/i.test(text))
    return { text: 'It answered with a web page.', type: 'html', fields: {} };
  const parsed = parseFields(text);
  return parsed ? readError(parsed) : { text: oneLine(text), type: 'text', fields: {} };
}

function silentMessage(status: number | undefined): string {
  return status === undefined
    ? 'It reported an error without a word about it.'
    : `It answered with HTTP ${status} and no explanation.`;
}

// ---- Overflow -----------------------------------------------------------------------------------------

const COUNT = '([\\d,]+)';
/** Each gives the prompt's tokens first and the window second; where `window` is first, they are swapped. */
const OVERFLOW_FIGURES: readonly { readonly pattern: RegExp; readonly first: 'prompt' | 'window' }[] = [
  { pattern: words(`prompt is too long: ${COUNT} tokens > ${COUNT} maximum`), first: 'prompt' },
  {
    pattern: words(`request \\(${COUNT} tokens\\) exceeds the available context size \\(${COUNT} tokens`),
    first: 'prompt',
  },
  {
    pattern: words(`input has ${COUNT} tokens\\b.*?context (?:length|window|size)\\D*${COUNT}`),
    first: 'prompt',
  },
  {
    pattern: words(`first ${COUNT} tokens when context the overflows.*?context length of only ${COUNT}`),
    first: 'prompt',
  },
  {
    pattern: words(`prompt \\(length ${COUNT}\\) is longer than the maximum model length of ${COUNT}`),
    first: 'prompt',
  },
  {
    pattern: words(`maximum context length is ${COUNT} tokens.*?\\(${COUNT} in the messages`),
    first: 'window',
  },
  {
    pattern: words(
      `maximum context length is ${COUNT} tokens.*?contains (?:at least )?${COUNT} (?:input )?tokens`,
    ),
    first: 'window',
  },
  {
    pattern: words(
      `maximum context length is ${COUNT} tokens.*?(?:resulted in|request has|requested) ${COUNT}`,
    ),
    first: 'window',
  },
];
const OVERFLOW_WORDS = [
  /does not fit in (?:the )?context/i,
  /maximum context length/i,
  /exceeds? the (?:available |model'?s? )?context (?:size|length|window)/i,
  /prompt is too long/i,
  /greater than the context length/i,
];
const OVERFLOW_TYPES = new Set(['exceed_context_size_error', 'context_length_exceeded']);

function words(pattern: string): RegExp {
  return new RegExp(pattern, 'i');
}

/** Undefined: no overflow. An empty object: an overflow without figures. */
function readOverflow({ text, type, fields }: Told): Pick<FaultReport, 'overflow'> | undefined {
  const promptTokens = fields['n_prompt_tokens'];
  const windowTokens = fields['n_ctx'];
  if (typeof promptTokens === 'number' && typeof windowTokens === 'number') {
    return { overflow: { promptTokens, windowTokens } };
  }
  for (const { pattern, first } of OVERFLOW_FIGURES) {
    const found = pattern.exec(text);
    if (!found) continue;
    const [prompt, window] = first === 'prompt' ? [found[1], found[2]] : [found[2], found[1]];
    return { overflow: { promptTokens: toCount(prompt), windowTokens: toCount(window) } };
  }
  return OVERFLOW_TYPES.has(type) || OVERFLOW_WORDS.some((pattern) => pattern.test(text)) ? {} : undefined;
}

function toCount(digits: string | undefined): number {
  return Number((digits ?? '').replaceAll(',', ''));
}

// ---- Everything else ----------------------------------------------------------------------------------

/** Words that say more than the status beside them does. */
const TEXT_FAULTS: readonly { readonly pattern: RegExp; readonly fault: Fault }[] = [
  // mlx_lm.server: the HTTP side lives on and answers every completion like this until someone restarts it.
  { pattern: /generation thread died/i, fault: 'dead' },
  { pattern: /model has crashed/i, fault: 'dead' },
  { pattern: /loading model|model is (?:still )?loading|no models? loaded/i, fault: 'loading' },
  // LM Studio answers unknown paths with HTTP 200.
  { pattern: /unexpected endpoint or method/i, fault: 'protocol' },
  // LM Studio wraps the engine's refusal of a tool schema in a 500.
  { pattern: /failed to parse grammar/i, fault: 'rejected' },
];
const TYPE_FAULTS: Readonly<Record<string, Fault>> = {
  overloaded_error: 'overloaded',
  rate_limit_error: 'rate-limited',
  authentication_error: 'unauthorised',
  permission_error: 'unauthorised',
  invalid_request_error: 'rejected',
  not_found_error: 'rejected',
};

function faultOfText({ text, type }: Told): Fault | undefined {
  if (type === 'html') return 'protocol';
  return TEXT_FAULTS.find(({ pattern }) => pattern.test(text))?.fault;
}

function faultOfStatus(status: number | undefined, { type }: Told): Fault {
  if (status === undefined) return TYPE_FAULTS[type] ?? 'status';
  if (status < 400) return 'protocol';
  if (status === 401 || status === 403) return 'unauthorised';
  if (status === 429) return 'rate-limited';
  if (status === 503 || status === 529) return 'overloaded';
  // Plain text under a 404 is a path that this server does not have. JSON is about the request: mlx_lm.server
  // answers 404 to whatever it could not render or load.
  if (status === 404 && type === 'text') return 'protocol';
  if (status === 408 || status >= 500) return 'status';
  return 'rejected';
}

function oneLine(text: string): string {
  const line = text.replace(/\s+/g, ' ').trim();
  return line.length > MAX_MESSAGE_CHARS ? `${line.slice(0, MAX_MESSAGE_CHARS)} …` : line;
}
