// Synthetic streams in the shapes that mlx_lm.server, LM Studio, llama.cpp and Messages servers send.

import type { AnswerOptions, Step } from '../../wire/answer.ts';
import type { FaultReport } from '../../wire/error.ts';
import type { Frame, Note, StreamItem } from '../../wire/frame.ts';
import { createChatTranslator, type Translator } from '../../wire/from-chat.ts';
import { createSseReader } from '../../wire/sse.ts';

export const OPTIONS: AnswerOptions = {
  requestedModel: 'claude-anyclaude',
  messageId: 'msg_0a1b2c',
  promptTokens: 900,
  stopSequences: [],
  callable: ['Read', 'Edit', 'WebFetch', 'mcp__notes__list_all'],
};

type Deltas = readonly Record<string, unknown>[];

export const data = (value: unknown): string =>
  `data: ${typeof value === 'string' ? value : JSON.stringify(value)}\n\n`;

export const chunk = (delta: unknown, finish: string | null = null): string =>
  data({
    id: null,
    object: 'chat.completion.chunk',
    model: 'm',
    choices: [{ index: 0, finish_reason: finish, delta }],
  });

export const USAGE = {
  prompt_tokens: 1553,
  completion_tokens: 26,
  total_tokens: 1579,
  prompt_tokens_details: { cached_tokens: 1500 },
};
export const DONE = data('[DONE]');
export const END = data({ object: 'chat.completion', choices: [], usage: USAGE }) + DONE;

/** mlx_lm.server: comments while it prefills, the role in every delta, calls whole. */
export const mlx = (deltas: Deltas, finish: string, tail = END): string =>
  [
    ': keepalive 20/53\n\n',
    ': keepalive 53/53\n\n',
    ...deltas.map((delta) => chunk({ role: 'assistant', ...delta })),
    chunk({ role: 'assistant' }, finish),
    tail,
  ].join('');

export const mlxCall = (name: string, args: string, index = 0): Record<string, unknown> => ({
  tool_calls: [
    {
      function: { name, arguments: args },
      type: 'function',
      id: `3f2a9c1e-0000-4000-8000-00000000000${index}`,
      index,
    },
  ],
});

export const EDIT_ARGUMENTS = JSON.stringify({
  file_path: '/a/é 漢字.ts',
  old_string: 'const a = "x";\n\tb 😀 {}[]',
  new_string: '',
  edits: [{ at: 1 }, { at: 2.5e3, ok: null }],
});

/** LM Studio names the call first and then sends its arguments in pieces. */
export const fragments = (name: string, args: string, first: string, pieceChars = 3): Deltas => {
  const head = { index: 0, id: '814890118', type: 'function', function: { name, arguments: first } };
  const rest = args.slice(first.length).match(new RegExp(`[\\s\\S]{1,${pieceChars}}`, 'gu')) ?? [];
  return [head, ...rest.map((piece) => ({ index: 0, function: { arguments: piece } }))].map((call) => ({
    tool_calls: [call],
  }));
};

/** llama.cpp: a role chunk with null content, no role afterwards, timings beside the usage. */
export const llama = (deltas: Deltas, finish: string): string =>
  [
    data({
      choices: [{ index: 0, delta: { role: 'assistant', content: null } }],
      prompt_progress: { total: 24, cache: 20, processed: 22, time_ms: 3 },
    }),
    ...deltas.map((delta) => chunk(delta)),
    chunk({}, finish),
    data({
      choices: [],
      usage: { prompt_tokens: 24, completion_tokens: 6 },
      timings: { cache_n: 23, prompt_n: 1, predicted_n: 6 },
    }),
    DONE,
  ].join('');

export const CHAT_STREAMS: Readonly<Record<string, string>> = {
  'mlx text': mlx([{ content: 'Hé' }, { content: 'llo 漢字 😀' }, { content: '' }], 'stop'),
  'mlx reasoning, text and two calls': mlx(
    [
      { reasoning: 'Let me ' },
      { reasoning: 'see.' },
      { content: '\n\n' },
      { content: 'Reading.' },
      mlxCall('Read', '{"file_path": "/a.ts"}'),
      { content: '\n' },
      mlxCall('Edit', EDIT_ARGUMENTS, 1),
    ],
    'tool_calls',
  ),
  'LM Studio call in fragments': mlx(fragments('Edit', EDIT_ARGUMENTS, '', 12), 'tool_calls'),
  'llama.cpp call in fragments': llama(fragments('Read', '{"a": "é😀"}', '{', 1), 'tool_calls'),
  'llama.cpp text with CRLF': llama([{ content: 'a' }, { content: 'b' }], 'length').replaceAll('\n', '\r\n'),
  'reasoning_content, lone CR': llama([{ reasoning_content: 'hm' }, { content: 'b' }], 'stop').replaceAll(
    '\n',
    '\r',
  ),
};

export type Read = { readonly items: StreamItem[]; readonly fault?: FaultReport; readonly done: boolean };

/** Reads these byte slices as a backend does, up to a clean end of the bytes. */
export function read(translator: Translator, slices: Iterable<Uint8Array>): Read {
  const reader = createSseReader();
  const items: StreamItem[] = [];
  const takeStep = (step: Step): Read | undefined => {
    items.push(...step.items);
    return step.done ? { items, done: true, ...(step.fault && { fault: step.fault }) } : undefined;
  };
  for (const slice of slices) {
    for (const event of reader.push(slice)) {
      const ended = takeStep(translator.push(event));
      if (ended) return ended;
    }
  }
  return takeStep(translator.end()) ?? { items, done: false };
}

export const readChat = (stream: string, options: Partial<AnswerOptions> = {}): Read =>
  read(createChatTranslator({ ...OPTIONS, ...options }), [new TextEncoder().encode(stream)]);

const NOTES: ReadonlySet<string> = new Set<Note['type']>(['progress', 'usage', 'alive']);
export const framesOf = (items: readonly StreamItem[]): Frame[] =>
  items.filter((item): item is Frame => !NOTES.has(item.type));
export const notesOf = (items: readonly StreamItem[]): Note[] =>
  items.filter((item): item is Note => NOTES.has(item.type));

/** All the ways of cutting the bytes once, and once into slices of one byte. */
export function* everyCut(stream: string): Generator<readonly Uint8Array[]> {
  const bytes = new TextEncoder().encode(stream);
  for (let at = 0; at <= bytes.length; at++) yield [bytes.subarray(0, at), bytes.subarray(at)];
  yield Array.from(bytes, (_, at) => bytes.subarray(at, at + 1));
}

/** A Messages event. */
export const frame = (type: string, rest: Record<string, unknown> = {}): string =>
  `event: ${type}\n${data({ type, ...rest })}`;

const llamaHead = frame('message_start', {
  message: {
    id: 'chatcmpl-1',
    model: 'm',
    usage: { cache_read_input_tokens: 30, input_tokens: 12, output_tokens: 0 },
  },
});
const block = (index: number, content_block: unknown): string =>
  frame('content_block_start', { index, content_block });
const blockDelta = (index: number, delta: unknown): string => frame('content_block_delta', { index, delta });
const blockStop = (index: number): string => frame('content_block_stop', { index });
const ending = (delta: Record<string, unknown>): string =>
  frame('message_delta', { delta, usage: { output_tokens: 9 } }) + frame('message_stop');

/** llama.cpp's own Messages route: comments for pings, a call that begins without `input`. */
export const localMessages = (args: string, stopReason: string, tail?: string): string =>
  [
    llamaHead,
    ':\n\n',
    block(0, { type: 'thinking', thinking: '', signature: '' }),
    blockDelta(0, { type: 'thinking_delta', thinking: 'hm' }),
    blockStop(0),
    block(1, { type: 'text', text: '' }),
    blockDelta(1, { type: 'text_delta', text: 'Héllo 😀' }),
    blockStop(1),
    block(2, { type: 'tool_use', id: 'Oh89vOmn9Kj0AHYVag8eIm8GCZKcvUWz', name: 'web_fetch' }),
    ...(args.match(/[\s\S]{1,9}/gu) ?? []).map((json) =>
      blockDelta(2, { type: 'input_json_delta', partial_json: json }),
    ),
    blockStop(2),
    tail ?? ending({ stop_reason: stopReason, stop_sequence: null }),
  ].join('');

export const localText = (text: string, delta: Record<string, unknown>): string =>
  llamaHead +
  block(0, { type: 'text', text: '' }) +
  blockDelta(0, { type: 'text_delta', text }) +
  blockStop(0) +
  ending(delta);

/** The Claude API: pings, a signature, and a block that is not known here. */
export const CLAUDE_STREAM: string = [
  frame('message_start', {
    message: {
      id: 'msg_01',
      type: 'message',
      role: 'assistant',
      model: 'claude-x',
      content: [],
      stop_reason: null,
      stop_sequence: null,
      usage: {
        input_tokens: 3,
        cache_creation_input_tokens: 100,
        cache_read_input_tokens: 2000,
        output_tokens: 1,
      },
    },
  }),
  frame('ping'),
  block(0, { type: 'thinking', thinking: '', signature: '' }),
  blockDelta(0, { type: 'thinking_delta', thinking: 'Well' }),
  blockDelta(0, { type: 'signature_delta', signature: 'c2ln' }),
  blockStop(0),
  block(1, { type: 'redacted_thinking', data: 'opaque' }),
  blockStop(1),
  block(2, { type: 'text', text: '' }),
  blockDelta(2, { type: 'text_delta', text: 'Grüße 漢' }),
  blockStop(2),
  block(3, { type: 'tool_use', id: 'toolu_01', name: 'Edit', input: {} }),
  blockDelta(3, { type: 'input_json_delta', partial_json: '' }),
  blockDelta(3, { type: 'input_json_delta', partial_json: '{"file_path":"/a",' }),
  blockDelta(3, { type: 'input_json_delta', partial_json: '"n":1}' }),
  blockStop(3),
  frame('an_event_of_the_future', { x: 1 }),
  frame('message_delta', {
    delta: { stop_reason: 'tool_use', stop_sequence: null },
    usage: { output_tokens: 88 },
  }),
  frame('message_stop'),
].join('');
