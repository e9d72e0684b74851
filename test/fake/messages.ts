// A server that speaks the Messages API: the Claude API itself, or a local server's own route (llama.cpp, LM Studio).
//
//   const fake = await startFakeMessages();           // `says` speaks as the Claude API does
//   const fake = await startFakeMessages({ manner: 'llama.cpp' });

import { eventStream, type Fake, json, type Part, type Reply, type Script, startFake } from './server.ts';

export * from './server.ts';

export type MessagesManner = 'claude' | 'llama.cpp';

export type MessagesAnswer = {
  readonly text?: string;
  readonly calls?: readonly { readonly name: string; readonly arguments: string }[];
  readonly stopReason?: string;
  readonly inputTokens?: number;
  readonly cachedTokens?: number;
  /** Held back between headers and the first frame. */
  readonly prefill?: Promise<unknown>;
  /** Held back in the middle of the text. */
  readonly middle?: Promise<unknown>;
};

export type FakeMessages = Fake & {
  says(answer: string | MessagesAnswer): Reply;
  readonly overflow: Reply;
};

export type FakeMessagesOptions = {
  readonly manner?: MessagesManner;
  readonly pages?: Readonly<Record<string, Reply>>;
  readonly script?: Script;
};

export async function startFakeMessages(options: FakeMessagesOptions = {}): Promise<FakeMessages> {
  const manner = options.manner ?? 'claude';
  const fake = await startFake({
    http: '1.1',
    pages: options.pages ?? {},
    unknown: json({ type: 'error', error: { type: 'not_found_error', message: 'Not found' } }, 404),
    script: options.script ?? messagesAnswer(manner, 'Hello from Messages.'),
  });
  const rest = {
    says: (answer: string | MessagesAnswer) => messagesAnswer(manner, answer),
    overflow: overflowOf(manner),
  };
  return Object.defineProperties(rest, Object.getOwnPropertyDescriptors(fake)) as FakeMessages;
}

export function frame(type: string, rest: Record<string, unknown> = {}): string {
  return `event: ${type}\ndata: ${JSON.stringify({ type, ...rest })}\n\n`;
}

export function messagesAnswer(manner: MessagesManner, answer: string | MessagesAnswer): Reply {
  const given = typeof answer === 'string' ? { text: answer } : answer;
  const { text, calls = [], prefill } = given;
  const blocks = [
    ...(text === undefined ? [] : [(index: number) => textBlock(index, text, given.middle)]),
    ...calls.map((call) => (index: number) => callBlock(manner, index, call)),
  ];
  const usage = { output_tokens: 7 };
  const stopReason = given.stopReason ?? (calls.length > 0 ? 'tool_use' : 'end_turn');
  return eventStream([
    ...(prefill ? [manner === 'claude' ? frame('ping') : ':\n\n', { until: prefill }] : []),
    opening(manner, given),
    ...blocks.flatMap((block, index) => block(index)),
    frame('message_delta', { delta: { stop_reason: stopReason, stop_sequence: null }, usage }),
    frame('message_stop'),
  ]);
}

function opening(manner: MessagesManner, { inputTokens = 30, cachedTokens = 10 }: MessagesAnswer): string {
  const id = manner === 'claude' ? 'msg_01' : 'chatcmpl-9';
  const usage = { input_tokens: inputTokens, cache_read_input_tokens: cachedTokens, output_tokens: 0 };
  const head = { id, type: 'message', role: 'assistant', model: 'm', content: [], stop_reason: null };
  return frame('message_start', { message: { ...head, stop_sequence: null, usage } });
}

function textBlock(index: number, text: string, middle: Promise<unknown> | undefined): Part[] {
  const deltas = (text.match(/[\s\S]{1,4}/gu) ?? []).map((piece) =>
    frame('content_block_delta', { index, delta: { type: 'text_delta', text: piece } }),
  );
  const half = Math.ceil(deltas.length / 2);
  return [
    frame('content_block_start', { index, content_block: { type: 'text', text: '' } }),
    ...deltas.slice(0, half),
    ...(middle ? [{ until: middle }] : []),
    ...deltas.slice(half),
    frame('content_block_stop', { index }),
  ];
}

function callBlock(
  manner: MessagesManner,
  index: number,
  call: { readonly name: string; readonly arguments: string },
): Part[] {
  const input = manner === 'claude' ? { input: {} } : {};
  const pieces = call.arguments.match(/[\s\S]{1,5}/gu) ?? [];
  return [
    frame('content_block_start', {
      index,
      content_block: { type: 'tool_use', id: `toolu_${index}`, name: call.name, ...input },
    }),
    ...pieces.map((partial_json) =>
      frame('content_block_delta', { index, delta: { type: 'input_json_delta', partial_json } }),
    ),
    frame('content_block_stop', { index }),
  ];
}

function overflowOf(manner: MessagesManner): Reply {
  const message =
    manner === 'claude'
      ? 'prompt is too long: 9021 tokens > 8192 maximum'
      : 'request (9021 tokens) exceeds the available context size (8192 tokens), try increasing it';
  return manner === 'claude'
    ? json({ type: 'error', error: { type: 'invalid_request_error', message } }, 400)
    : json(
        {
          error: {
            code: 400,
            message,
            type: 'exceed_context_size_error',
            n_prompt_tokens: 9021,
            n_ctx: 8192,
          },
        },
        400,
      );
}
