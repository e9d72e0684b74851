// One session through a daemon of its own, as Claude Code would hold it: the history grows, tools are answered.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import Database from 'better-sqlite3';
import { loadConfig } from '../../daemon/config/config.ts';
import { startDaemon } from '../../daemon/main.ts';
import { databasePath } from '../../daemon/state.ts';
import type { Mode } from '../../router/decision.ts';
import { type ScriptedTurn, SYSTEM } from './script.ts';

export type SessionResult = {
  readonly mode: Mode;
  readonly calls: number;
  readonly failed: number;
  /** From each request to its end, added up. */
  readonly waitedS: number;
  readonly ttftS: number;
  readonly switches: number;
  readonly editCalls: number;
  readonly editCallsOnEdit: number;
  /** Mean absolute error of the predicted time to first token, after the first 20 requests. */
  readonly ttftErrorPercent: number | undefined;
  readonly predictedCalls: number;
  /** Of the first call on the other backend after each switch, to its first token. */
  readonly switchTtftS: readonly number[];
  readonly pauses: PausesResult;
};

/** Tokens that nobody has used by the end of the session count as neither used nor wasted. */
export type PausesResult = {
  readonly runs: number;
  readonly steps: number;
  readonly seconds: number;
  readonly computedTokens: number;
  readonly usedTokens: number;
  readonly wastedTokens: number;
};

type Setting = {
  readonly mode: Mode;
  readonly urls: Readonly<Record<string, string>>;
  /** Between an answer and the next prompt. */
  readonly pauseMs?: number;
  readonly catchUp?: 'on' | 'off';
};
type Block = Readonly<Record<string, unknown>> & { readonly type: string };
type Message = { readonly role: 'user' | 'assistant'; readonly content: string | readonly Block[] };

const LEARNING_REQUESTS = 20;
const CONTEXT_WINDOW = 131_072;
const MAX_ROUNDS = 5;
/** A pause here is as much shorter than a person's as the pretended speeds are higher. */
const SETTLE_MS = 100;
const TOOLS = ['Read', 'Edit'].map((name) => ({
  name,
  description: `${name}s a file`,
  input_schema: { type: 'object', properties: { file_path: { type: 'string' } } },
}));

export async function playSession(
  turns: readonly ScriptedTurn[],
  { mode, urls, pauseMs = 0, catchUp = 'off' }: Setting,
): Promise<SessionResult> {
  const home = await mkdtemp(join(tmpdir(), 'anyclaude-sessions-'));
  try {
    const daemon = await startDaemon({
      config: configFor(home, { mode, urls, catchUp }),
      version: '0.0.0',
      logStream: { write: () => {} },
      pauses: { settleMs: SETTLE_MS, power: async () => 'mains' },
    });
    try {
      await converse(daemon.url, turns, pauseMs);
    } finally {
      await daemon.close();
    }
    return { ...resultOf(mode, readRows(home)), pauses: readPauses(home) };
  } finally {
    await rm(home, { recursive: true, force: true });
  }
}

function configFor(home: string, { mode, urls, catchUp }: Setting) {
  const backends = Object.fromEntries(
    Object.entries(urls).map(([name, url]) => [name, { url, contextWindow: CONTEXT_WINDOW }]),
  );
  const text = JSON.stringify({
    mode,
    port: 0,
    backends,
    drainMs: 1000,
    catchUp: { enabled: catchUp === 'on' },
  });
  return loadConfig({ flags: {}, env: { ANYCLAUDE_HOME: home }, file: { path: 'config.json', text } });
}

async function converse(url: string, turns: readonly ScriptedTurn[], pauseMs: number): Promise<void> {
  const history: Message[] = [];
  for (const [at, { prompt }] of turns.entries()) {
    if (at > 0) await sleep(pauseMs);
    history.push({ role: 'user', content: [{ type: 'text', text: prompt }] });
    for (let round = 0; round < MAX_ROUNDS; round += 1) {
      const content = await ask(url, history, `turn-${at}`);
      history.push({ role: 'assistant', content });
      const calls = content.filter(({ type }) => type === 'tool_use');
      if (calls.length === 0) break;
      history.push({
        role: 'user',
        content: calls.map(({ id }) => ({
          type: 'tool_result',
          tool_use_id: id,
          content: 'The file was changed.',
        })),
      });
    }
  }
}

async function ask(url: string, messages: readonly Message[], promptId: string): Promise<readonly Block[]> {
  const body = { model: 'claude-anyclaude', max_tokens: 256, system: SYSTEM, tools: TOOLS, messages };
  const response = await fetch(`${url}/v1/messages`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      'x-claude-code-session-id': '00000000-0000-4000-8000-00000000000b',
      'x-claude-code-prompt-id': promptId,
    },
    body: JSON.stringify(body),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`The daemon answered ${response.status}: ${text.slice(0, 300)}`);
  return (JSON.parse(text) as { readonly content: readonly Block[] }).content;
}

type Row = {
  readonly task: string;
  readonly backend: string;
  readonly result: string;
  readonly duration_ms: number;
  readonly predicted_ttft_ms: number | null;
  readonly first_token_ms: number | null;
};

function readRows(home: string): readonly Row[] {
  const database = new Database(databasePath(home), { readonly: true });
  try {
    const columns = 'task, backend, result, duration_ms, predicted_ttft_ms, first_token_ms';
    return database.prepare<[], Row>(`select ${columns} from requests order by id`).all();
  } finally {
    database.close();
  }
}

function readPauses(home: string): PausesResult {
  const database = new Database(databasePath(home), { readonly: true });
  try {
    const sum = (column: string) => `coalesce(sum(${column}), 0)`;
    const wasted = `case "use" when 'used' then computed_tokens - used_tokens when 'wasted' then computed_tokens end`;
    const columns = [
      'count(*) as runs',
      `${sum('steps')} as steps`,
      `${sum('cost_ms')} / 1000 as seconds`,
      `${sum('computed_tokens')} as computedTokens`,
      `${sum('used_tokens')} as usedTokens`,
      `${sum(wasted)} as wastedTokens`,
    ];
    const found = database.prepare<[], PausesResult>(`select ${columns.join(', ')} from warmups`).get();
    if (found === undefined) throw new Error('A count always has a row.');
    return found;
  } finally {
    database.close();
  }
}

function resultOf(mode: Mode, rows: readonly Row[]): Omit<SessionResult, 'pauses'> {
  const edits = rows.filter(({ task }) => task === 'edit');
  const errors = rows
    .slice(LEARNING_REQUESTS)
    .flatMap(({ predicted_ttft_ms: predicted, first_token_ms: actual }) =>
      predicted === null || actual === null || actual <= 0 ? [] : [Math.abs(predicted / actual - 1)],
    );
  return {
    mode,
    calls: rows.length,
    failed: rows.filter(({ result }) => result !== 'completed').length,
    waitedS: sum(rows.map(({ duration_ms }) => duration_ms)) / 1000,
    ttftS: sum(rows.map(({ first_token_ms }) => first_token_ms ?? 0)) / 1000,
    switches: rows.filter(({ backend }, at) => at > 0 && backend !== rows[at - 1]?.backend).length,
    editCalls: edits.length,
    editCallsOnEdit: edits.filter(({ backend }) => backend === 'lmstudio').length,
    ttftErrorPercent: errors.length === 0 ? undefined : (100 * sum(errors)) / errors.length,
    predictedCalls: errors.length,
    switchTtftS: rows
      .filter(({ backend }, at) => at > 0 && backend !== rows[at - 1]?.backend)
      .map(({ first_token_ms }) => (first_token_ms ?? 0) / 1000),
  };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
