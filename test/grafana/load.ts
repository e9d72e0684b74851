// A real daemon before scripted backends, and a few seconds of everything that the metrics tell apart: both tasks,
// warm, cold and unknown caches, tool calls whole and broken, a failover, a passthrough, clients that leave.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { loadConfig } from '../../daemon/config/config.ts';
import { startDaemon } from '../../daemon/main.ts';
import { type FakeChat, json, startFakeChat } from '../fake/chat.ts';
import { type FakeMessages, startFakeMessages } from '../fake/messages.ts';

export type Site = {
  /** Of the daemon: host and port. */
  readonly address: string;
  /** One round of requests; resolves when the last has ended. */
  load(): Promise<void>;
  close(): Promise<void>;
};

type Cast = {
  readonly url: string;
  readonly mlx: FakeChat;
  readonly lmstudio: FakeChat;
  readonly claude: FakeMessages;
};

export async function openSite(): Promise<Site> {
  const home = await mkdtemp(join(tmpdir(), 'anyclaude-grafana-'));
  const mlx = await startFakeChat('mlx');
  const lmstudio = await startFakeChat('lmstudio');
  const claude = await startFakeMessages();
  const settings = {
    port: 0,
    drainMs: 1_000,
    allowCloud: true,
    claude: { baseUrl: claude.url, model: 'claude-opus-5-5' },
    backends: { 'mlx-lm': { url: mlx.url, contextWindow: 32_768 }, lmstudio: { url: lmstudio.url } },
  };
  const file = { path: 'config.json', text: JSON.stringify(settings) };
  const config = loadConfig({ flags: {}, env: { ANYCLAUDE_HOME: home }, file });
  const daemon = await startDaemon({ config, version: '0.0.0', logStream: { write: () => {} } });
  const cast = { url: daemon.url, mlx, lmstudio, claude };
  return {
    address: new URL(daemon.url).host,
    load: () => load(cast),
    async close() {
      await daemon.close();
      await Promise.all([mlx.close(), lmstudio.close(), claude.close()]);
      await rm(home, { recursive: true, force: true });
    },
  };
}

const READ = { name: 'Read', arguments: '{"file_path":"cart.ts"}' };
const BROKEN = { name: 'Read', arguments: '{"file_path":' };
const LONG = 'The coupon is rounded twice, once for each line and once for the sum.';

async function load(cast: Cast): Promise<void> {
  const { mlx, lmstudio } = cast;
  await answered(cast, 'analysis', mlx.says({ text: LONG, promptTokens: 9000, prefill: delay(120) }));
  // An answer that came within a moment tells nothing of a server's speed.
  const warm = { text: LONG, promptTokens: 9100, cachedTokens: 9000, middle: delay(200) };
  await answered(cast, 'analysis', mlx.says(warm));
  await answered(cast, 'analysis', mlx.says({ text: LONG, promptTokens: 9200, cachedTokens: 2000 }));
  await answered(cast, 'analysis', mlx.says({ calls: [READ], promptTokens: 9300, cachedTokens: 9200 }));
  await answered(cast, 'edit', lmstudio.says({ text: LONG, promptTokens: 8000 }));
  await answered(cast, 'edit', lmstudio.says({ calls: [READ], promptTokens: 8100 }));
  await fallsOver(cast);
  await breaksToolCall(cast);
  await leaves(cast);
  await goesToClaude(cast);
  await breaksItsCache(cast);
  await (await ask(cast, 'unnamed task', '{"broken')).text();
}

async function answered(cast: Cast, route: 'analysis' | 'edit', reply: ReturnType<FakeChat['says']>) {
  (route === 'analysis' ? cast.mlx : cast.lmstudio).next(reply);
  await (await ask(cast, WORDS[route])).text();
}

async function fallsOver(cast: Cast): Promise<void> {
  cast.mlx.next(json({ error: 'out of memory' }, 500));
  cast.lmstudio.next(cast.lmstudio.says('The other one answers.'));
  await (await ask(cast, WORDS.analysis)).text();
}

async function breaksToolCall(cast: Cast): Promise<void> {
  cast.lmstudio.next(cast.lmstudio.says({ calls: [BROKEN] }));
  cast.mlx.next(cast.mlx.says({ calls: [READ] }));
  await (await ask(cast, WORDS.edit)).text();
}

/** The client leaves in the middle of the text. */
async function leaves(cast: Cast): Promise<void> {
  const leaving = new AbortController();
  cast.mlx.next((seen) => cast.mlx.says({ text: LONG, middle: seen.ended }));
  const reply = await ask(cast, WORDS.analysis, undefined, leaving.signal);
  const reader = reply.body?.getReader();
  for (let seen = ''; reader && !seen.includes('text_delta'); ) {
    seen += new TextDecoder().decode((await reader.read()).value);
  }
  leaving.abort();
}

/** Both local servers are too busy, and the Claude API may answer. */
async function goesToClaude(cast: Cast): Promise<void> {
  const busy = json({ error: 'busy' }, 503);
  cast.mlx.next(busy);
  cast.lmstudio.next(busy);
  cast.claude.next(cast.claude.says({ text: LONG, inputTokens: 100, cachedTokens: 900 }));
  await (await ask(cast, WORDS.analysis)).text();
}

/** A tool list that grows in front of the prompt: the server computes all of it again. */
async function breaksItsCache(cast: Cast): Promise<void> {
  const { mlx } = cast;
  const session = newSession();
  const asked = (names: readonly string[]) =>
    JSON.stringify({
      ...requestOf(WORDS.analysis),
      tools: names.map((name) => ({ name, input_schema: {} })),
    });
  mlx.next(mlx.says({ text: LONG, promptTokens: 9000, cachedTokens: 0, prefill: delay(300) }));
  await (await send(cast, asked(['Read']), { session })).text();
  mlx.next(mlx.says({ text: LONG, promptTokens: 9100, cachedTokens: 0, prefill: delay(600) }));
  await (await send(cast, asked(['Bash', 'Read']), { session })).text();
}

const WORDS = {
  analysis: 'How does the cart round its coupons? Explain it to me.',
  edit: 'Fix the rounding of the coupons in cart.ts.',
};

let sessions = 0;

function newSession(): string {
  sessions += 1;
  return `00000000-0000-4000-8000-${String(sessions).padStart(12, '0')}`;
}

/** Each in a session of its own: what came before must not decide where a request goes. */
function ask(cast: Cast, words: string, body?: string, signal?: AbortSignal): Promise<Response> {
  const session = newSession();
  return send(cast, body ?? JSON.stringify(requestOf(words)), { session, ...(signal && { signal }) });
}

function requestOf(words: string) {
  return {
    model: 'claude-anyclaude',
    max_tokens: 256,
    stream: true,
    tools: [
      { name: 'Read', input_schema: { type: 'object', properties: { file_path: { type: 'string' } } } },
    ],
    messages: [{ role: 'user', content: words }],
  };
}

type Sending = { readonly session: string; readonly signal?: AbortSignal };

function send({ url }: Cast, body: string, { session, signal }: Sending): Promise<Response> {
  return fetch(`${url}/v1/messages`, {
    method: 'POST',
    body,
    headers: { 'content-type': 'application/json', 'x-claude-code-session-id': session },
    ...(signal && { signal }),
  });
}
