// What it costs to go on with a conversation on one backend: the seconds of a call, what the person would rather have
// had, and what failing edits add. Made once for a decision, for every way to go on asks for the same few figures.

import { excessFailures, type Pricing, redoings } from './cost.ts';
import type { BackendName, Task } from './decision.ts';
import type { When } from './memory.ts';

export type Pace = {
  readonly backend: BackendName;
  /** Waited, in seconds, for a call that goes on where the last one ended, and for the redoing of its edits. */
  call(task: Task, when: When): number;
  /** What it is worth to the person, in seconds a call, that another backend does the task. */
  readonly preference: Readonly<Record<Task, number>>;
  /** Share of edits that fail here and would not on the backend for edits. */
  failing(when: When): number;
  /** Seconds for each token of the prompt that has to be computed again. */
  readonly perToken: number;
  /** Share of what it has missed that it reads in a pause. */
  readonly caughtUp: number;
};

export function paceOf(backend: BackendName, pricing: Pricing): Pace {
  const { asked, knowledge, settings } = pricing;
  const { habits } = knowledge;
  const speed = knowledge.speed(backend);
  const whole = asked.promptTokens + habits.growthTokens;
  const warm = speed.ttftSeconds(habits.growthTokens, asked.promptTokens);
  const cold = speed.ttftSeconds(whole, 0);
  const failing = (when: When) => excessFailures(knowledge, { backend, edit: settings.routes.edit, when });
  const { edit, analysis } = { edit: habits.shape('edit'), analysis: habits.shape('analysis') };
  return {
    backend,
    call(task, when) {
      const keeps = knowledge.keeps(backend, when);
      const waited = keeps * warm + (1 - keeps) * cold;
      if (task === 'analysis') return waited + speed.decodeSeconds(analysis.outputTokens, whole);
      const redone = redoings(failing(when), backend === settings.routes.edit) * redoSeconds(pricing, when);
      return waited + speed.decodeSeconds(edit.outputTokens, whole) + edit.editShare * redone;
    },
    preference: {
      edit: backend === settings.routes.edit ? 0 : edit.editShare * settings.preference.editSeconds,
      analysis: backend === settings.routes.analysis ? 0 : settings.preference.analysisSeconds,
    },
    failing,
    perToken: Math.max(0, cold - speed.ttftSeconds(0, whole)) / whole,
    caughtUp: knowledge.catchUpShare(backend),
  };
}

/** Of one edit, but for what the backend for edits has missed: that depends on where the conversation was. */
function redoSeconds({ asked, knowledge, settings }: Pricing, when: When): number {
  const { edit } = settings.routes;
  const speed = knowledge.speed(edit);
  const cold = (1 - knowledge.keeps(edit, when)) * speed.ttftSeconds(asked.promptTokens, 0);
  return speed.decodeSeconds(knowledge.habits.shape('edit').outputTokens, asked.promptTokens) + cold;
}
