// Tool calls arrive whole (mlx_lm.server) or letter by letter (LM Studio, llama.cpp). They are kept until the
// backend has said why it stopped, and given out only if the arguments of every one are a single complete JSON
// object: Claude Code's library repairs cut JSON without a word, and a repaired edit would be applied to a file.

import { parseFields } from './fields.ts';

export type CallFragment = {
  /** Absent where a backend numbers nothing. */
  readonly index?: number;
  readonly id?: string;
  readonly name?: string;
  /** The next piece of the arguments. */
  readonly json: string;
};

/** `json` is the text of one JSON object. */
export type CompleteCall = { readonly id: string; readonly name: string; readonly json: string };

export type CompleteCalls =
  | { readonly calls: readonly CompleteCall[] }
  /** One sentence: why none of the calls may be passed on. */
  | { readonly problem: string };

export type CallBuffer = {
  add(fragment: CallFragment): void;
  readonly isEmpty: boolean;
  /** `cut`: the model was stopped at max_tokens. */
  complete(ending: 'finished' | 'cut'): CompleteCalls;
};

export type CallBufferOptions = {
  /** The exact names of the tools that the model may call. */
  readonly callable: readonly string[];
  /** Unique to this answer; fresh ids are made of it. */
  readonly messageId: string;
};

type OpenCall = { readonly index?: number; id: string; name: string; readonly json: string[] };

const MAX_ARGUMENT_CHARS = 16 * 1024 * 1024;

export function createCallBuffer(options: CallBufferOptions): CallBuffer {
  const calls: OpenCall[] = [];
  let chars = 0;
  return {
    add(fragment) {
      const call = callOf(fragment, calls) ?? open(fragment, calls);
      call.id ||= fragment.id ?? '';
      call.name ||= fragment.name ?? '';
      chars += fragment.json.length;
      if (chars <= MAX_ARGUMENT_CHARS) call.json.push(fragment.json);
    },
    get isEmpty() {
      return calls.length === 0;
    },
    complete(ending) {
      if (chars > MAX_ARGUMENT_CHARS) return { problem: 'The arguments of its tool calls are too large.' };
      // No arguments are `{}`, but not in a call that the model had only just begun.
      if (ending === 'cut' && calls.at(-1)?.json.join('').trim() === '') {
        return { problem: 'It was stopped at max_tokens before the arguments of its tool call.' };
      }
      return completeAll(calls, options);
    },
  };
}

/** The call that a fragment goes on with; undefined where it begins one. */
function callOf({ index, id, name }: CallFragment, calls: readonly OpenCall[]): OpenCall | undefined {
  if (index === undefined) return name ? undefined : calls.at(-1);
  const call = calls.findLast((each) => each.index === index);
  // Some servers number every call 0 and tell them apart by their ids alone.
  const isAnother = call !== undefined && Boolean(name) && Boolean(id) && call.id !== '' && call.id !== id;
  return isAnother ? undefined : call;
}

function open({ index }: CallFragment, calls: OpenCall[]): OpenCall {
  const call: OpenCall = { ...(index === undefined ? {} : { index }), id: '', name: '', json: [] };
  calls.push(call);
  return call;
}

function completeAll(calls: readonly OpenCall[], { callable, messageId }: CallBufferOptions): CompleteCalls {
  const complete: CompleteCall[] = [];
  const ids = new Set<string>();
  for (const [position, call] of calls.entries()) {
    const json = argumentsText(call.json.join(''));
    if (call.name === '') return { problem: 'It sent a tool call without a name.' };
    if (json === undefined) {
      return { problem: `The arguments of its call to ${call.name} are not one complete JSON object.` };
    }
    const id = isUsableId(call.id) && !ids.has(call.id) ? call.id : freshId(messageId, position);
    ids.add(id);
    complete.push({ id, name: exactName(call.name, callable), json });
  }
  return { calls: complete };
}

// Shorter ones ("call_0", "1") are counters which begin anew with every answer, and the Claude API, to which a
// conversation may move, takes no other characters.
function isUsableId(id: string): boolean {
  return /^[A-Za-z0-9_-]{9,64}$/.test(id);
}

function freshId(messageId: string, position: number): string {
  return `toolu_${messageId.replace(/^msg_/, '').replace(/[^A-Za-z0-9]/g, '')}_${position}`;
}

/** The text of one JSON object, or undefined. No text at all is a call without arguments. */
function argumentsText(text: string): string | undefined {
  if (text.trim() === '') return '{}';
  if (parseFields(text)) return text;
  // A model that writes its arguments as a string gets them encoded a second time by mlx_lm.server.
  const inner = parseString(text);
  return inner !== undefined && parseFields(inner) ? inner : undefined;
}

function parseString(text: string): string | undefined {
  if (!text.trim().startsWith('"')) return undefined;
  return asString(parseFields(`{"text":${text}}`)?.['text']);
}

function asString(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

/**
 * LM Studio shows the model names in snake_case, and gives back what the model wrote. A name that fits no tool,
 * or several, stays as it is: the client answers it with an error that the model can read.
 */
function exactName(name: string, callable: readonly string[]): string {
  if (callable.includes(name)) return name;
  const wanted = plain(name);
  const fitting = wanted === '' ? [] : callable.filter((each) => plain(each) === wanted);
  return fitting.length === 1 && fitting[0] !== undefined ? fitting[0] : name;
}

function plain(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9]/g, '');
}
