// Raw requests to a real engine, and the prompts that script its answers.

type Json = Record<string, unknown>;

type Message = { readonly role: string; readonly content?: string | null; readonly [key: string]: unknown };

type ChatRequest = {
  readonly messages: readonly Message[];
  readonly [key: string]: unknown;
};

type ToolCall = {
  readonly index?: number;
  readonly id?: string;
  readonly function: { readonly name?: string; readonly arguments?: string };
};

export type Delta = {
  readonly content?: string | null;
  readonly reasoning?: string;
  readonly tool_calls?: readonly ToolCall[];
};

type Choice = { readonly finish_reason: string | null; readonly delta: Delta; readonly message: Delta };

/** A chunk of a stream, or a whole answer: the same keys but for `delta` and `message`. */
export type Answer = {
  readonly model: string;
  readonly choices: readonly Choice[];
  readonly usage?: {
    readonly prompt_tokens: number;
    readonly completion_tokens: number;
    readonly prompt_tokens_details?: { readonly cached_tokens: number };
  };
  readonly timings?: unknown;
};

/** POSTs a chat request; short and greedy unless the request says otherwise. */
export function post(url: string, request: ChatRequest, signal?: AbortSignal): Promise<Response> {
  return fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ max_tokens: 64, temperature: 0, ...request }),
    ...(signal && { signal }),
  });
}

export async function chat(url: string, request: ChatRequest): Promise<Answer> {
  const response = await post(url, request);
  const text = await response.text();
  if (response.status !== 200) throw new Error(`${response.status}: ${text}`);
  return JSON.parse(text) as Answer;
}

/** A whole stream: its text, and the parsed chunks between the comments and `[DONE]`. */
export async function stream(url: string, request: ChatRequest): Promise<{ text: string; chunks: Answer[] }> {
  const response = await post(url, { stream: true, stream_options: { include_usage: true }, ...request });
  const text = await response.text();
  const events = text.split('\n').filter((line) => line.startsWith('data: {'));
  return { text, chunks: events.map((line) => JSON.parse(line.slice('data: '.length)) as Answer) };
}

export async function getJson(url: string): Promise<{ status: number; body: Json }> {
  const response = await fetch(url);
  return { status: response.status, body: (await response.json()) as Json };
}

export function cachedTokens(answer: Answer | undefined): number | undefined {
  return answer?.usage?.prompt_tokens_details?.cached_tokens;
}

export function promptTokens(answer: Answer): number {
  return answer.usage?.prompt_tokens ?? 0;
}

export function deltas(chunks: readonly Answer[]): Delta[] {
  return chunks.flatMap((chunk) => chunk.choices.map((choice) => choice.delta));
}

export function user(content: string) {
  return { role: 'user', content };
}

export function system(content: string) {
  return { role: 'system', content };
}

export function finishReason(chunks: readonly Answer[]): string | undefined {
  return chunks.flatMap((chunk) => chunk.choices.map((choice) => choice.finish_reason ?? [])).flat()[0];
}

export function say(...turns: readonly string[]): string {
  return turns.map((text) => `[[say]]${text}[[/say]]`).join('');
}

/** A tool call as the scripted model writes it. */
export function toolCall(name: string, input: Json): string {
  return `<tool_call>\n${JSON.stringify({ name, arguments: input })}\n</tool_call>`;
}

/** About eight tokens a unit on either engine; equal seeds give equal text. */
export function filler(units: number, seed: string): string {
  const line = (at: number) => `The file ${seed} has line ${at}. `;
  return Array.from({ length: units }, (_, at) => line(at)).join('');
}

export const readTool = {
  type: 'function',
  function: {
    name: 'Read',
    description: 'Reads a file',
    parameters: { type: 'object', properties: { file_path: { type: 'string' } }, required: ['file_path'] },
  },
};
