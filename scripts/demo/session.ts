// The sample coding session of `npm start`: two questions, a file edit with its tool loop, one more question,
// sent through the daemon's public API as any client would.

import Anthropic from '@anthropic-ai/sdk';
import type { Task } from '../../router/decision.ts';
import { asFields } from '../../wire/fields.ts';
import { TASKS } from './backends.ts';
import type { DemoProject } from './project.ts';
import { TOOLS } from './project.ts';

export type Shown = {
  readonly prompt: string;
  readonly step: string;
  readonly task: string;
  readonly backend: string;
  readonly reason: string;
  readonly ttftMs: number | undefined;
  readonly promptTokens: number;
  readonly cachedTokens: number | undefined;
  readonly text: string;
};

export type SessionOptions = {
  readonly url: string;
  /** What the daemon asks its clients for, where it does. */
  readonly token: string | undefined;
  readonly project: DemoProject;
  /** Where the model says what the prompt dictates; a real model gets plain words. */
  readonly scripted: readonly Task[];
  /** Told of each request as it ends. */
  readonly show: (request: Shown) => void;
  readonly announce: (prompt: string) => void;
  readonly signal: AbortSignal;
};

type Turn = {
  readonly prompt: string;
  /** What the router is expected to take it for. */
  readonly task: Task;
  readonly says: (project: DemoProject) => readonly string[];
};

const TURNS: readonly Turn[] = [
  {
    prompt: 'What does total() in src/cart.js return for a percent coupon?',
    task: 'analysis',
    says: () => [
      'It takes the coupon as a fraction: with value 10 it subtracts ten times the sum, which looks wrong.',
    ],
  },
  {
    prompt: 'Why is that a problem for the shop?',
    task: 'analysis',
    says: () => ['A customer with a 10 percent coupon would get a negative total instead of a discount.'],
  },
  {
    prompt: 'Fix the percent coupon in src/cart.js.',
    task: 'edit',
    says: ({ cartFile }) => [
      call('Read', { file_path: cartFile }),
      call('Edit', {
        file_path: cartFile,
        old_string: 'sum -= sum * coupon.value;',
        new_string: 'sum -= (sum * coupon.value) / 100;',
      }),
      'Done: the percent is divided by 100 now.',
    ],
  },
  {
    prompt: 'Explain what other inputs could still give a negative total.',
    task: 'analysis',
    says: () => ['A fixed coupon that is larger than the sum still does.'],
  },
];

/** A model that never stops calling tools must not keep a person waiting. */
const MOST_ROUNDS = 6;

/** Rejects where a request fails, and sends no further one. */
export async function runSession(options: SessionOptions): Promise<void> {
  const client = new Anthropic({
    ...{ baseURL: options.url, apiKey: 'not-needed', maxRetries: 0 },
    defaultHeaders: options.token === undefined ? {} : { 'x-anyclaude-token': options.token },
  });
  const messages: Anthropic.MessageParam[] = [];
  for (const turn of TURNS) {
    options.announce(turn.prompt);
    messages.push({ role: 'user', content: promptBlocks(turn, options) });
    await runTurn({ client, messages, prompt: turn.prompt, options });
  }
}

/** Why a session ended before its end, in the words of who refused it. */
export function reasonOf(error: unknown): string {
  const body = error instanceof Anthropic.APIError ? asFields(error.error) : undefined;
  const said = asFields(body?.['error'])?.['message'];
  if (typeof said === 'string') return said;
  return error instanceof Error ? error.message : String(error);
}

type RunningTurn = {
  readonly client: Anthropic;
  readonly messages: Anthropic.MessageParam[];
  readonly prompt: string;
  readonly options: SessionOptions;
};

async function runTurn(turn: RunningTurn): Promise<void> {
  const { messages, options } = turn;
  for (let round = 0; round < MOST_ROUNDS; round += 1) {
    const message = await ask(turn, round);
    messages.push({ role: 'assistant', content: message.content });
    const calls = message.content.filter((block) => block.type === 'tool_use');
    if (calls.length === 0) return;
    const results = calls.map((block) => {
      const { text, isError } = options.project.runTool(block.name, block.input);
      return { type: 'tool_result' as const, tool_use_id: block.id, content: text, is_error: isError };
    });
    messages.push({ role: 'user', content: results });
  }
}

async function ask({ client, messages, prompt, options }: RunningTurn, round: number) {
  const sentAtMs = performance.now();
  let ttftMs: number | undefined;
  const stream = client.messages.stream(
    {
      model: 'claude-anyclaude',
      max_tokens: isAllScripted(options) ? 1024 : 300,
      system: systemPrompt(options),
      tools: TOOLS,
      messages,
    },
    {
      signal: options.signal,
      headers: { 'x-claude-code-session-id': SESSION_ID, 'x-anyclaude-project': options.project.folder },
    },
  );
  stream.on('streamEvent', (event) => {
    if (event.type === 'content_block_start') ttftMs ??= performance.now() - sentAtMs;
  });
  const { response } = await stream.withResponse();
  const message = await stream.finalMessage();
  options.show({
    prompt,
    step: round === 0 ? 'prompt' : `tool result ${round}`,
    ttftMs,
    ...read(message, response),
  });
  return message;
}

function read(message: Anthropic.Message, response: Response) {
  const header = (name: string) => response.headers.get(`x-anyclaude-${name}`) ?? '–';
  const { input_tokens, cache_read_input_tokens } = message.usage;
  const calls = message.content.filter((block) => block.type === 'tool_use').map((block) => block.name);
  const said = message.content
    .flatMap((block) => (block.type === 'text' ? [block.text.trim()] : []))
    .join(' ');
  return {
    task: header('task'),
    backend: header('backend'),
    reason: header('reason'),
    promptTokens: input_tokens + (cache_read_input_tokens ?? 0),
    cachedTokens: cache_read_input_tokens ?? undefined,
    text: calls.length > 0 ? `calls ${calls.join(', ')}` : said,
  };
}

const SESSION_ID = crypto.randomUUID();

function promptBlocks(
  { prompt, task, says }: Turn,
  { scripted, project }: SessionOptions,
): Anthropic.TextBlockParam[] {
  const words = { type: 'text' as const, text: prompt };
  if (!scripted.includes(task)) return [words];
  const script = says(project)
    .map((text) => `[[say]]${text}[[/say]]`)
    .join('');
  // Inside a reminder, so that the router judges the person's words and not the script.
  return [
    { type: 'text', text: `<system-reminder>Script of the test model: ${script}</system-reminder>` },
    words,
  ];
}

function call(name: string, input: Readonly<Record<string, string>>): string {
  return `<tool_call>\n${JSON.stringify({ name, arguments: input })}\n</tool_call>`;
}

function isAllScripted({ scripted }: SessionOptions): boolean {
  return scripted.length === TASKS.length;
}

/** Long enough where the model is scripted that a cold prefill is felt and a warm one is not. */
function systemPrompt(options: SessionOptions): string {
  const base = `You are a coding assistant. The project is in ${options.project.folder}. Use Read before Edit, then answer in one sentence.`;
  if (!isAllScripted(options)) return base;
  const rules = Array.from(
    { length: 160 },
    (_, i) =>
      `Rule ${i + 1}: keep module ${i + 1} small, name things after what they are, and test what they do.`,
  );
  return [base, ...rules].join('\n');
}
