// What is known of the user's turn that a request belongs to, read from its own history. A recorded session
// can be brought into the same form, so that rules are measured by the code that runs.

import { createHash } from 'node:crypto';
import type { Caller } from '../wire/caller.ts';
import type { WireBlock, WireMessage, WireRequest } from '../wire/message.ts';
import { kindOf, systemStartsWith } from './kind.ts';
import { promptIn } from './prompt.ts';

/** `declined`: a person or a permission rule said no, which says nothing about the model. */
export type ToolResult = 'ok' | 'failed' | 'declined';
/** `result` is absent while none has come back. */
export type ToolRun = { readonly id: string; readonly name: string; readonly result?: ToolResult };
/** What an earlier prompt of the session led to. */
export type EarlierTurn = {
  readonly edited: boolean;
  readonly toolCalls: number;
  /** Their names, each once, the one used last at the end: the last 8. */
  readonly tools?: readonly string[];
  /** Tool calls that failed or were declined. */
  readonly failedCalls?: number;
};

export type TurnEvidence = {
  readonly sessionId?: string;
  readonly agentId?: string;
  /** The client's prompt id where it sends one, else derived: equal for every request of one user turn. */
  readonly turnId: string;
  /** The person's last words, cut at 2,000 characters. Absent where the history holds none. */
  readonly promptText?: string;
  /** Tool calls since that prompt, oldest first: the last 200. */
  readonly toolRuns: readonly ToolRun[];
  /** The request carries tool results back: the model is in the middle of its work. */
  readonly insideToolLoop: boolean;
  readonly planMode: boolean;
  readonly compaction: boolean;
  /** `Explore`, `Plan`, `general-purpose` …; absent in the main conversation and where it cannot be told. */
  readonly agentType?: string;
  /** Oldest first: the last 20. */
  readonly earlierTurns: readonly EarlierTurn[];
  readonly messageCount: number;
};

const EDIT_TOOLS: ReadonlySet<string> = new Set(['Edit', 'Write', 'MultiEdit', 'NotebookEdit']);
/** How much evidence is kept, so that a long session costs no more than a short one. */
export const MAX_TOOL_RUNS = 200;
export const MAX_EARLIER_TURNS = 20;
const MAX_EARLIER_TOOLS = 8;
const RESULT_CHARS = 400;
const PLAN_ON = 'Plan mode is active';
const PLAN_OFF = 'Exited Plan Mode';
const DECLINED = ["doesn't want to proceed with this tool use", "haven't granted"];

/** True for the tools that change files through the client. Shell commands are not among them. */
export function isEditTool(name: string): boolean {
  return EDIT_TOOLS.has(name);
}

/** A finished turn, from all of its tool calls. */
export function earlierTurn(toolRuns: readonly ToolRun[]): EarlierTurn {
  const names = new Set<string>();
  for (const { name } of toolRuns.toReversed()) {
    if (names.size < MAX_EARLIER_TOOLS) names.add(name);
  }
  return {
    edited: toolRuns.some((run) => isEditTool(run.name)),
    toolCalls: toolRuns.length,
    tools: [...names].reverse(),
    failedCalls: toolRuns.filter(({ result }) => result === 'failed' || result === 'declined').length,
  };
}

/** Reads the request once, front to back. Never throws; bounded by the size of the request. */
export function readTurn(request: WireRequest, caller: Caller): TurnEvidence {
  const history = readHistory(request.messages);
  const sessionId = caller.sessionId ?? request.metadataSessionId;
  const agentType = caller.agentType ?? agentTypeBySystem(request);
  const { promptText } = history;
  return {
    ...(sessionId === undefined ? {} : { sessionId }),
    ...(caller.agentId === undefined ? {} : { agentId: caller.agentId }),
    turnId: caller.promptId ?? derivedTurnId(sessionId, caller.agentId, history),
    ...(promptText === undefined ? {} : { promptText }),
    toolRuns: history.toolRuns.slice(-MAX_TOOL_RUNS).map((run) => withResult(run, history.results)),
    insideToolLoop: history.endsWithToolResults,
    planMode: isPlanMode(request.messages),
    compaction: kindOf(request, caller) === 'compact',
    ...(agentType === undefined ? {} : { agentType }),
    earlierTurns: history.earlierTurns.slice(-MAX_EARLIER_TURNS),
    messageCount: request.messages.length,
  };
}

type History = {
  promptText?: string;
  promptCount: number;
  toolRuns: ToolRun[];
  results: Map<string, ToolResult>;
  earlierTurns: EarlierTurn[];
  endsWithToolResults: boolean;
};

function readHistory(messages: readonly WireMessage[]): History {
  const history: History = {
    promptCount: 0,
    toolRuns: [],
    results: new Map(),
    earlierTurns: [],
    endsWithToolResults: false,
  };
  for (const message of messages) {
    if (message.role === 'user') readUser(history, message);
    else if (message.role === 'assistant') readAssistant(history, message);
  }
  return history;
}

function readUser(history: History, message: WireMessage): void {
  const prompt = lastPromptIn(message);
  const hasResults = readResults(history.results, message);
  history.endsWithToolResults = hasResults && prompt === undefined;
  if (prompt !== undefined) openTurn(history, prompt);
}

function openTurn(history: History, prompt: string): void {
  if (history.promptCount > 0) {
    history.earlierTurns.push(earlierTurn(history.toolRuns.map((run) => withResult(run, history.results))));
  }
  history.promptText = prompt;
  history.promptCount += 1;
  history.toolRuns = [];
  history.results = new Map();
}

function readAssistant(history: History, message: WireMessage): void {
  for (const { type, id, name } of blocksOf(message)) {
    if (type === 'tool_use' && typeof id === 'string' && typeof name === 'string') {
      history.toolRuns.push({ id, name });
    }
  }
}

function readResults(into: Map<string, ToolResult>, message: WireMessage): boolean {
  let found = false;
  for (const block of blocksOf(message)) {
    if (block.type !== 'tool_result') continue;
    found = true;
    const id = block['tool_use_id'];
    if (typeof id === 'string') into.set(id, toolResult(block));
  }
  return found;
}

function withResult(run: ToolRun, results: ReadonlyMap<string, ToolResult>): ToolRun {
  const result = results.get(run.id);
  return result === undefined ? run : { ...run, result };
}

function toolResult(block: WireBlock): ToolResult {
  const text = resultText(block);
  // Validation errors of the client carry the tag, and not always the flag.
  const failed = block['is_error'] === true || text.startsWith('<tool_use_error>');
  if (!failed) return 'ok';
  return DECLINED.some((phrase) => text.includes(phrase)) ? 'declined' : 'failed';
}

function resultText(block: WireBlock): string {
  const { content } = block;
  const first = Array.isArray(content) ? content[0] : content;
  if (typeof first === 'string') return first.slice(0, RESULT_CHARS);
  const text = typeof first === 'object' && first !== null && 'text' in first ? first.text : undefined;
  return typeof text === 'string' ? text.slice(0, RESULT_CHARS) : '';
}

// A prompt that failed or was interrupted stays in front of the next one, in the same message: the last counts.
function lastPromptIn(message: WireMessage): string | undefined {
  if (typeof message.content === 'string') return promptIn(message.content);
  for (let index = message.content.length - 1; index >= 0; index -= 1) {
    const block = message.content[index];
    const prompt =
      block?.type === 'text' && typeof block['text'] === 'string' ? promptIn(block['text']) : undefined;
    if (prompt !== undefined) return prompt;
  }
  return undefined;
}

// The client announces plan mode in system messages, older versions in reminders. A person who merely
// writes about plan mode must not switch it on.
function isPlanMode(messages: readonly WireMessage[]): boolean {
  for (let index = messages.length - 1; index >= 0; index -= 1) {
    const message = messages[index];
    if (message === undefined || message.role === 'assistant') continue;
    let on = -1;
    let off = -1;
    for (const text of textsOf(message)) {
      if (message.role !== 'system' && !text.startsWith('<system-reminder>')) continue;
      on = Math.max(on, text.lastIndexOf(PLAN_ON));
      off = Math.max(off, text.lastIndexOf(PLAN_OFF));
    }
    if (on >= 0 || off >= 0) return on > off;
  }
  return false;
}

function agentTypeBySystem(request: WireRequest): string | undefined {
  if (systemStartsWith(request, 'file search specialist')) return 'Explore';
  if (systemStartsWith(request, 'planning specialist')) return 'Plan';
  return undefined;
}

// Repeated prompts ("yes") are told apart by their place in the session.
function derivedTurnId(session: string | undefined, agent: string | undefined, history: History): string {
  const parts = [session ?? '', agent ?? '', history.promptCount, history.promptText ?? ''];
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 16);
}

function textsOf(message: WireMessage): readonly string[] {
  if (typeof message.content === 'string') return [message.content];
  const texts: string[] = [];
  for (const { type, text } of message.content) {
    if (type === 'text' && typeof text === 'string') texts.push(text);
  }
  return texts;
}

function blocksOf(message: WireMessage): readonly WireBlock[] {
  return typeof message.content === 'string' ? [] : message.content;
}
