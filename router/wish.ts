// Where a request would go if every backend could take it, and why.

import type { BackendName, Classification, ClassifyReason, DecisionReason, Mode, Task } from './decision.ts';
import type { Override } from './override.ts';
import type { Whereabouts } from './sessions.ts';

/** The backend that a turn is on already, and the task it was chosen for. */
export type Sticky = { readonly backend: BackendName; readonly task: Task };

export type Wish = {
  readonly backend: BackendName;
  readonly reason: DecisionReason;
  /** One sentence for a person. */
  readonly detail: string;
  /** `only`: no other backend may answer in its place. */
  readonly others: 'only' | 'may-answer';
  /** Next best: the backend that holds this turn's prompt already. */
  readonly thenBackend?: BackendName;
};

export type WishInput = {
  readonly mode: Mode;
  readonly classification: Classification;
  readonly routes: Readonly<Record<Task, BackendName>>;
  readonly override?: Override;
  readonly sticky?: Sticky;
  readonly insideToolLoop: boolean;
  /** Where the conversation was last. */
  readonly last?: Whereabouts;
};

/** An override outranks the mode, a fixed mode outranks the turn, and the turn outranks the task. */
export function wishFor(input: WishInput): Wish {
  return byName(input) ?? byTurn(input) ?? byTask(input);
}

/** What a person has asked for, if anything: nothing is bargained about it. */
export function byName(input: Pick<WishInput, 'override' | 'mode' | 'routes'>): Wish | undefined {
  return byOverride(input) ?? byFixedMode(input);
}

/** The turn has begun to edit on a backend that was chosen for analysis. */
export function crossesToEdit({ sticky, classification, routes }: WishInput): boolean {
  if (sticky === undefined || sticky.task !== 'analysis') return false;
  return isSeenToEdit(classification) && sticky.backend !== routes.edit;
}

// A backend that is named is meant: another model's answer in its place would be taken for its own. A route
// names a task, which any backend can serve in need.
function byOverride({ override, routes }: Pick<WishInput, 'override' | 'routes'>): Wish | undefined {
  if (override === undefined) return undefined;
  if ('backend' in override) {
    const { backend } = override;
    return { backend, reason: 'override', detail: `${backend} was asked for by name.`, others: 'only' };
  }
  const { route } = override;
  const backend = routes[route];
  const detail = `The route ${route} was asked for: ${backend}.`;
  return { backend, reason: 'override', detail, others: 'may-answer' };
}

// Fixed means fixed: who compares servers, or has memory for one model only, must not be answered by the other.
function byFixedMode({ mode }: Pick<WishInput, 'mode'>): Wish | undefined {
  switch (mode) {
    case 'mlx-lm':
    case 'lmstudio':
    case 'claude': {
      const detail = `The mode is ${mode}: no other backend is used.`;
      return { backend: mode, reason: 'fixed-mode', detail, others: 'only' };
    }
    case 'auto':
    case 'task':
    case 'shadow':
      return undefined;
    default:
      return mode satisfies never;
  }
}

// A turn stays where its prompt is warm. It leaves once, when it is seen to edit on a backend that was chosen
// for analysis: from then on its task is edit, and it does not come back.
export function byTurn(input: WishInput): Wish | undefined {
  const { sticky, routes, insideToolLoop } = input;
  if (sticky === undefined) return undefined;
  const { backend } = sticky;
  if (crossesToEdit(input)) {
    const detail = `The turn has begun to edit and moves from ${backend} to ${routes.edit}.`;
    return {
      backend: routes.edit,
      reason: 'crossed-to-edit',
      detail,
      others: 'may-answer',
      thenBackend: backend,
    };
  }
  return insideToolLoop
    ? { backend, reason: 'tool-loop', detail: `A tool loop stays on ${backend}.`, others: 'may-answer' }
    : { backend, reason: 'sticky-turn', detail: `This turn is on ${backend}.`, others: 'may-answer' };
}

export function byTask({ classification, routes }: WishInput): Wish {
  const { task } = classification;
  const detail = `${task === 'edit' ? 'Editing' : 'Analysis'} goes to ${routes[task]}.`;
  return { backend: routes[task], reason: 'task', detail, others: 'may-answer' };
}

// Words alone do not move a turn: they were known when it began.
const SEEN_TO_EDIT: ReadonlySet<ClassifyReason> = new Set(['edit-tool-used', 'plan-approved']);

export function isSeenToEdit({ task, reason }: Classification): boolean {
  return task === 'edit' && SEEN_TO_EDIT.has(reason);
}
