// Servers that speak chat completions, each with its own manners:
//
//   const fake = await startFakeChat('mlx');          // 'mlx' | 'lmstudio' | 'llama.cpp' | 'vllm'
//   fake.next(fake.says('Hello'));                    // the next POST gets this; later ones the default answer
//   fake.next(cutAt(fake.says('Hello'), 40));         // its first 40 bytes, then the connection closes
//   fake.next(held(fake.says('Hi'), released));       // nothing until the promise settles
//   fake.posts[0]?.json                               // what it was asked
//   await fake.close();

import {
  eventStream,
  type Fake,
  json,
  type Part,
  type Reply,
  type Script,
  startFake,
  text,
} from './server.ts';

export * from './server.ts';

export type Manner = 'mlx' | 'lmstudio' | 'llama.cpp' | 'vllm';

/** Ids are the same in every answer unless given: Claude Code drops a round whose ids it has seen before. */
export type Call = { readonly name: string; readonly arguments: string; readonly id?: string };

export type Answer = {
  readonly text?: string;
  readonly thinking?: string;
  readonly calls?: readonly Call[];
  /** What the model says why it stopped. Default: `tool_calls` with calls, else `stop`. */
  readonly finish?: string;
  readonly promptTokens?: number;
  readonly cachedTokens?: number;
  /** Held back between headers and the first content, as in a prefill. */
  readonly prefill?: Promise<unknown>;
  /** Held back in the middle of the text. */
  readonly middle?: Promise<unknown>;
  /** Characters a text delta. Default 4. */
  readonly deltaChars?: number;
};

export type FakeChat = Fake & {
  readonly manner: Manner;
  /** A whole answer in this server's manner; a string is its text. */
  says(answer: string | Answer): Reply;
  /** How this server refuses a prompt of 9021 tokens for its window of 8192. */
  readonly overflow: Reply;
};

export type FakeChatOptions = {
  readonly model?: string;
  readonly contextWindow?: number;
  /** Replaces or adds what GET answers. */
  readonly pages?: Readonly<Record<string, Reply>>;
  /** What every POST is answered that `next` says nothing about. Default: the text `Hello from <manner>.` */
  readonly script?: Script;
};

export async function startFakeChat(manner: Manner, options: FakeChatOptions = {}): Promise<FakeChat> {
  const fake = await startFake({
    http: manner === 'mlx' ? '1.0' : '1.1',
    pages: { ...pagesOf(manner, options), ...options.pages },
    unknown: unknownOf(manner),
    script: options.script ?? chatAnswer(manner, `Hello from ${manner}.`),
  });
  const rest = {
    manner,
    says: (answer: string | Answer) => chatAnswer(manner, answer),
    overflow: overflowOf(manner),
  };
  return Object.defineProperties(rest, Object.getOwnPropertyDescriptors(fake)) as FakeChat;
}

// ---- Answers ------------------------------------------------------------------------------------------

/** A whole stream in the manner of this server. */
export function chatAnswer(manner: Manner, answer: string | Answer): Reply {
  const given = typeof answer === 'string' ? { text: answer } : answer;
  return eventStream([...opening(manner, given), ...content(manner, given), ...ending(manner, given)]);
}

/** The events of a stream that nothing is known of but its data. */
export function events(...data: readonly unknown[]): Reply {
  return eventStream(data.map((value) => event(value)));
}

export function event(value: unknown): string {
  return `data: ${typeof value === 'string' ? value : JSON.stringify(value)}\n\n`;
}

export function chunk(delta: unknown, finish: string | null = null): string {
  return event({
    id: 'chatcmpl-1',
    object: 'chat.completion.chunk',
    created: 1,
    model: 'm',
    choices: [{ index: 0, finish_reason: finish, delta }],
  });
}

export const DONE = event('[DONE]');

function opening(manner: Manner, { promptTokens = 40, cachedTokens = 0, prefill }: Answer): Part[] {
  const hold: Part[] = prefill ? [{ until: prefill }] : [];
  const computed = promptTokens - cachedTokens - 1;
  if (manner === 'mlx') {
    return [`: keepalive 1/${computed}\n\n`, ...hold, `: keepalive ${computed}/${computed}\n\n`];
  }
  return [...hold, chunk({ role: 'assistant', content: null })];
}

function content(manner: Manner, answer: Answer): Part[] {
  const role = manner === 'mlx' ? { role: 'assistant' } : {};
  const thought = manner === 'mlx' ? 'reasoning' : 'reasoning_content';
  const pieces = split(answer.text ?? '', answer.deltaChars ?? 4).map((piece) =>
    chunk({ ...role, content: piece }),
  );
  const half = Math.ceil(pieces.length / 2);
  return [
    ...(answer.thinking ? [chunk({ ...role, [thought]: answer.thinking })] : []),
    ...pieces.slice(0, half),
    ...(answer.middle ? [{ until: answer.middle }] : []),
    ...pieces.slice(half),
    ...(answer.calls ?? []).flatMap((call, index) => callChunks(manner, call, index)),
  ];
}

/** mlx_lm.server sends a call whole; LM Studio its name first; llama.cpp the first character with the name. */
function callChunks(manner: Manner, { name, arguments: args, id: given }: Call, index: number): string[] {
  const delta = (call: unknown) =>
    chunk(manner === 'mlx' ? { role: 'assistant', tool_calls: [call] } : { tool_calls: [call] });
  const id = given ?? `call${index}-3f2a9c1e`;
  if (manner === 'mlx') return [delta({ function: { name, arguments: args }, type: 'function', id, index })];
  const first = manner === 'llama.cpp' ? args.slice(0, 1) : '';
  const rest = split(args.slice(first.length), 3).map((piece) =>
    delta({ index, function: { arguments: piece } }),
  );
  return [delta({ index, id, type: 'function', function: { name, arguments: first } }), ...rest];
}

function ending(manner: Manner, answer: Answer): Part[] {
  const finish = answer.finish ?? (answer.calls?.length ? 'tool_calls' : 'stop');
  const { promptTokens = 40, cachedTokens = 0 } = answer;
  const last = chunk(manner === 'mlx' ? { role: 'assistant' } : {}, finish);
  // LM Studio tells nothing of its cache.
  const details = manner === 'lmstudio' ? {} : { prompt_tokens_details: { cached_tokens: cachedTokens } };
  const counts = {
    prompt_tokens: promptTokens,
    completion_tokens: 7,
    total_tokens: promptTokens + 7,
    ...details,
  };
  return [`${last}${event({ object: 'chat.completion', choices: [], usage: counts })}${DONE}`];
}

function split(whole: string, chars: number): string[] {
  return whole.match(new RegExp(`[\\s\\S]{1,${chars}}`, 'gu')) ?? [];
}

// ---- Refusals -----------------------------------------------------------------------------------------

function overflowOf(manner: Manner): Reply {
  const tokens = 'request (9021 tokens) exceeds the available context size (8192 tokens), try increasing it';
  const type = 'exceed_context_size_error';
  switch (manner) {
    case 'llama.cpp':
      return json({ error: { code: 400, message: tokens, type, n_prompt_tokens: 9021, n_ctx: 8192 } }, 400);
    case 'lmstudio': {
      const message =
        'Input does not fit in context length. The input has 9021 tokens, the context length is 8192.';
      return eventStream([`event: error\n${event({ error: { message }, message })}`]);
    }
    case 'vllm':
      return json(
        {
          object: 'error',
          message:
            "This model's maximum context length is 8192 tokens. However, you requested 9021 tokens in the messages.",
          type: 'BadRequestError',
          code: 400,
        },
        400,
      );
    case 'mlx':
      // It has no limit of its own; a proxy in front of it may.
      return json({ error: 'prompt is too long: 9021 tokens > 8192 maximum' }, 400);
    default:
      return manner satisfies never;
  }
}

function unknownOf(manner: Manner): Reply {
  switch (manner) {
    case 'lmstudio':
      return json({ error: 'Unexpected endpoint or method. (GET /x)' });
    case 'mlx':
      return text('Not Found', 404, 'application/json');
    case 'llama.cpp':
      return json({ error: { message: 'File Not Found', type: 'not_found_error', code: 404 } }, 404, LLAMA);
    case 'vllm':
      return json({ detail: 'Not Found' }, 404);
    default:
      return manner satisfies never;
  }
}

// ---- What they tell of themselves -----------------------------------------------------------------------

const LLAMA = { server: 'llama.cpp' };

function pagesOf(manner: Manner, options: FakeChatOptions): Readonly<Record<string, Reply>> {
  const { contextWindow = 32_768 } = options;
  const model = options.model ?? (manner === 'mlx' ? '/models/qwen' : 'qwen');
  const list = (entry: Record<string, unknown>, headers: Readonly<Record<string, string>> = {}) =>
    json({ object: 'list', data: [{ id: model, object: 'model', ...entry }] }, 200, headers);
  switch (manner) {
    case 'mlx':
      return { '/v1/models': list({ created: 1 }), '/health': json({ status: 'ok' }) };
    case 'llama.cpp':
      return {
        '/v1/models': list({ owned_by: 'llamacpp', meta: { n_ctx_train: 131_072 } }, LLAMA),
        '/health': json({ status: 'ok' }, 200, LLAMA),
        '/props': json(
          {
            default_generation_settings: { n_ctx: contextWindow },
            total_slots: 1,
            modalities: { vision: false, audio: false },
          },
          200,
          LLAMA,
        ),
      };
    case 'vllm':
      return { '/v1/models': list({ owned_by: 'vllm', max_model_len: contextWindow }), '/health': text('') };
    case 'lmstudio':
      return {
        '/v1/models': list({ owned_by: 'organization_owner' }),
        '/lmstudio-greeting': json({ lmstudio: true }),
        '/api/v1/models': json({
          models: [
            {
              type: 'embedding',
              key: 'nomic',
              loaded_instances: [{ id: 'nomic', config: { context_length: 2048 } }],
            },
            { type: 'llm', key: 'other', max_context_length: 8192, loaded_instances: [] },
            {
              type: 'llm',
              key: model,
              max_context_length: 131_072,
              capabilities: { vision: true, trained_for_tool_use: true },
              loaded_instances: [{ id: model, config: { context_length: contextWindow, parallel: 4 } }],
            },
          ],
        }),
      };
    default:
      return manner satisfies never;
  }
}
