// The edge: bytes → JSON, bounded in depth.
//
// Most of a request of Claude Code's are its tools, and they are the same each time: what their bytes came to is
// remembered, so that they are neither walked nor parsed again, and whoever works on a tool meets the very same object.

import { WireError } from './error.ts';
import { asFields } from './fields.ts';

const MAX_DEPTH = 200;

/** Throws WireError 400. No part of the body is in its message, for that may be logged. */
export function parseJson(body: Uint8Array): unknown {
  const bytes = Buffer.isBuffer(body) ? body : Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  if (bytes.length === 0) throw new WireError('The request has no body; it must be a JSON object.');
  const walked = walk(bytes);
  if (walked.isTooDeep) throw new WireError(`The request body is nested deeper than ${MAX_DEPTH} levels.`);
  try {
    const inParts = walked.tools && parseInParts(bytes, walked.tools);
    return inParts ?? JSON.parse(bytes.toString('utf8'));
  } catch (error) {
    const at = error instanceof Error ? /position \d+/.exec(error.message)?.[0] : undefined;
    throw new WireError(`The request body is not valid JSON${at === undefined ? '' : ` (at ${at})`}.`);
  }
}

// ---- Tools, parsed once -------------------------------------------------------------------------------

/** Where the array of the body's key `tools` stands, and what it came to where that is known. */
type ToolsSpan = { readonly start: number; readonly end: number; readonly value?: unknown };

/** One tool alone is no gain, and Claude Code asks for the count of each. */
const LEAST_BYTES = 16 * 1024;
const MOST_BYTES = 1024 * 1024;
/** The main loop's and some subagents'. */
const MOST_KEPT = 4;
let kept: readonly { readonly bytes: Buffer; readonly value: unknown }[] = [];

/** No tool is a number, so that this is told from whatever a client may send. */
const STAND_IN = '[0]';

/** Undefined where that does not come out right: the body as a whole is to be read then, and to tell why. */
function parseInParts(bytes: Buffer, { start, end, value }: ToolsSpan): object | undefined {
  try {
    const [before, after] = [bytes.toString('utf8', 0, start), bytes.toString('utf8', end)];
    const body = asFields(JSON.parse(`${before}${STAND_IN}${after}`));
    // Of two keys with one name the last counts.
    const isInPlace = Array.isArray(body?.['tools']) && body['tools'][0] === 0;
    return isInPlace ? { ...body, tools: value ?? parseTools(bytes.subarray(start, end)) } : undefined;
  } catch {
    return undefined;
  }
}

function parseTools(bytes: Buffer): unknown {
  const value: unknown = JSON.parse(bytes.toString('utf8'));
  if (bytes.length >= LEAST_BYTES && bytes.length <= MOST_BYTES) {
    kept = [{ bytes: Buffer.from(bytes), value }, ...kept].slice(0, MOST_KEPT);
  }
  return value;
}

/** Its end is 0 where it is not known yet. */
function spanFrom(bytes: Buffer, start: number): ToolsSpan {
  const found = kept.find(({ bytes: known }) => {
    const end = start + known.length;
    return end <= bytes.length && bytes.compare(known, 0, known.length, start, end) === 0;
  });
  if (found === undefined) return { start, end: 0 };
  kept = [found, ...kept.filter((each) => each !== found)];
  return { start, end: start + found.bytes.length, value: found.value };
}

// ---- Depth --------------------------------------------------------------------------------------------

type Walked = { readonly isTooDeep: boolean; readonly tools?: ToolsSpan };

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const TOOLS_KEY = Buffer.from('"tools":');

/** JSON.parse takes any depth, what comes after it does not: JSON.stringify overflows the stack. */
function walk(bytes: Buffer): Walked {
  let depth = 0;
  let tools: ToolsSpan | undefined;
  for (let at = 0; at < bytes.length; at++) {
    switch (bytes[at]) {
      case QUOTE:
        at = endOfString(bytes, at + 1);
        break;
      case 0x5b: // [
      case 0x7b: // {
        if (depth === 1 && isBehindToolsKey(bytes, at)) {
          tools = spanFrom(bytes, at);
          // Known ones were walked when they were new.
          if (tools.value !== undefined) {
            at = tools.end - 1;
            break;
          }
        }
        if (++depth > MAX_DEPTH) return { isTooDeep: true };
        break;
      case 0x5d: // ]
      case 0x7d: // }
        depth--;
        if (depth === 1 && tools?.end === 0) tools = { ...tools, end: at + 1 };
        break;
    }
  }
  return { isTooDeep: false, ...(tools && { tools }) };
}

/** Written without a blank, as JSON.stringify does: in another form the tools are parsed each time. */
function isBehindToolsKey(bytes: Buffer, at: number): boolean {
  const start = at - TOOLS_KEY.length;
  return start > 0 && TOOLS_KEY.compare(bytes, start, at) === 0;
}

/** Native search from quote to quote: most of a request is long strings. */
function endOfString(bytes: Buffer, from: number): number {
  for (let at = bytes.indexOf(QUOTE, from); at >= 0; at = bytes.indexOf(QUOTE, at + 1)) {
    let start = at;
    while (start > from && bytes[start - 1] === BACKSLASH) start--;
    if ((at - start) % 2 === 0) return at;
  }
  return bytes.length;
}
