// The second adapter of TurnEvidence: what a live request would have shown at each moment of a recorded session.
// Nothing later than the moment enters.

import { promptIn } from '../router/prompt.ts';
import {
  type EarlierTurn,
  earlierTurn,
  MAX_EARLIER_TURNS,
  MAX_TOOL_RUNS,
  type ToolRun,
  type TurnEvidence,
} from '../router/turn.ts';
import type { TraceEvent, TraceSession } from './routing/trace-file.ts';

/** Keyed by event index: at each user event that a person wrote, and before each model call. */
export function evidenceByEvent(session: TraceSession, sessionId: string): ReadonlyMap<number, TurnEvidence> {
  const found = new Map<number, TurnEvidence>();
  const history = new RecordedHistory(sessionId);
  for (const [index, event] of session.events.entries()) {
    if (event.kind === 'call') found.set(index, history.evidence());
    const opened = history.add(event, index);
    if (opened) found.set(index, history.evidence());
  }
  return found;
}

class RecordedHistory {
  readonly #sessionId: string;
  #promptText: string | undefined;
  #promptCount = 0;
  #hasPrompt = false;
  #toolRuns: ToolRun[] = [];
  #earlierTurns: EarlierTurn[] = [];
  #messageCount = 0;
  #lastWasResult = false;

  constructor(sessionId: string) {
    this.#sessionId = sessionId;
  }

  evidence(): TurnEvidence {
    return {
      sessionId: this.#sessionId,
      turnId: `${this.#sessionId}/${this.#promptCount}`,
      ...(this.#promptText === undefined ? {} : { promptText: this.#promptText }),
      toolRuns: this.#toolRuns.slice(-MAX_TOOL_RUNS),
      insideToolLoop: this.#lastWasResult,
      planMode: false,
      compaction: false,
      earlierTurns: this.#earlierTurns.slice(-MAX_EARLIER_TURNS),
      messageCount: this.#messageCount,
    };
  }

  /** True where a new turn begins. */
  add(event: TraceEvent, index: number): boolean {
    switch (event.kind) {
      case 'user':
        return this.#addUser(event.text);
      case 'call':
        this.#addCall(event.tools, index);
        return false;
      case 'result':
        this.#addResult(event.tool, event.error ? 'failed' : 'ok');
        return false;
      case 'compact':
        this.#forget();
        return false;
      default:
        return event satisfies never;
    }
  }

  #addUser(text: string): boolean {
    this.#messageCount += 1;
    this.#lastWasResult = false;
    const prompt = promptIn(text);
    if (prompt === undefined) return false;
    if (this.#hasPrompt) this.#earlierTurns.push(earlierTurn(this.#toolRuns));
    this.#hasPrompt = true;
    this.#promptText = prompt;
    this.#promptCount += 1;
    this.#toolRuns = [];
    return true;
  }

  #addCall(tools: readonly string[], index: number): void {
    this.#messageCount += 1;
    this.#lastWasResult = false;
    for (const [position, name] of tools.entries()) {
      this.#toolRuns.push({ id: `${this.#sessionId}/${index}/${position}`, name });
    }
  }

  // Results carry no id: the oldest open call of that tool is theirs.
  #addResult(tool: string, result: 'ok' | 'failed'): void {
    if (!this.#lastWasResult) this.#messageCount += 1;
    this.#lastWasResult = true;
    const open = this.#toolRuns.findIndex((run) => run.name === tool && run.result === undefined);
    const run = this.#toolRuns[open];
    if (run !== undefined) this.#toolRuns[open] = { ...run, result };
  }

  // What a live request holds after a compaction is a summary, which is nobody's prompt.
  #forget(): void {
    this.#promptText = undefined;
    this.#hasPrompt = false;
    this.#toolRuns = [];
    this.#earlierTurns = [];
    this.#messageCount = 1;
    this.#lastWasResult = false;
  }
}
