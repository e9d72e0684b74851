// Recorded sessions as questions with known answers: at each prompt, will this turn edit? Inside it, will it still?
// And before each call, does this one edit?

import { isEditTool, type TurnEvidence } from '../../router/turn.ts';
import type { TraceSession } from '../routing/trace-file.ts';
import { evidenceByEvent } from '../trace-evidence.ts';

export type Moment = {
  readonly at: 'prompt' | 'call';
  readonly evidence: TurnEvidence;
  /** The call emits an edit tool; of a prompt, a call before the next prompt does. */
  readonly isEdit: boolean;
  /** A call from here to the next prompt emits an edit tool. */
  readonly turnWillEdit: boolean;
};

export function momentsOf(session: TraceSession, sessionId: string): readonly Moment[] {
  const evidence = evidenceByEvent(session, sessionId);
  const moments: Moment[] = [];
  let turnWillEdit = false;
  for (const [index, event] of [...session.events.entries()].reverse()) {
    const known = evidence.get(index);
    if (event.kind === 'call' && known) {
      const isEdit = event.tools.some(isEditTool);
      turnWillEdit ||= isEdit;
      moments.push({ at: 'call', evidence: known, isEdit, turnWillEdit });
    }
    if (event.kind === 'user' && known) {
      moments.push({ at: 'prompt', evidence: known, isEdit: turnWillEdit, turnWillEdit });
      turnWillEdit = false;
    }
  }
  return moments.reverse();
}

/** After an edit there is nothing left to guess, and before the first tool the prompt is all there is. */
export function isUndecided({ evidence }: Moment): boolean {
  return evidence.toolRuns.length > 0 && !evidence.toolRuns.some(({ name }) => isEditTool(name));
}
