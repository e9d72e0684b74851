// How good a guess was: shares of right answers, and whether a probability means what it says.

export type Guess = {
  /** Belief that it will be an edit, 0 to 1. */
  readonly editProbability: number;
  readonly isEdit: boolean;
};

/** Null where there was nothing to judge. Edit is the positive class; a belief of 0.5 or more says edit. */
export type TaskFigures = {
  readonly n: number;
  readonly accuracy: number | null;
  /** Mean of the shares of edits and of the others that were recognised. */
  readonly balancedAccuracy: number | null;
  readonly f1: number | null;
  /** Expected calibration error over ten equal bins of the belief in edit. */
  readonly ece: number | null;
};

const BINS = 10;

export function taskFigures(guesses: readonly Guess[]): TaskFigures {
  const n = guesses.length;
  const saysEdit = ({ editProbability }: Guess) => editProbability >= 0.5;
  const edits = guesses.filter(({ isEdit }) => isEdit);
  const found = edits.filter(saysEdit).length;
  const said = guesses.filter(saysEdit).length;
  const spared = n - edits.length - (said - found);
  return {
    n,
    accuracy: share(found + spared, n),
    balancedAccuracy: balanced(share(found, edits.length), share(spared, n - edits.length)),
    f1: share(2 * found, said + edits.length),
    ece: n === 0 ? null : calibrationError(guesses),
  };
}

function calibrationError(guesses: readonly Guess[]): number {
  const bins = Array.from({ length: BINS }, () => ({ belief: 0, edits: 0 }));
  for (const { editProbability, isEdit } of guesses) {
    const bin = bins[Math.min(BINS - 1, Math.floor(editProbability * BINS))];
    if (bin === undefined) continue;
    bin.belief += editProbability;
    bin.edits += isEdit ? 1 : 0;
  }
  return bins.reduce((sum, { belief, edits }) => sum + Math.abs(belief - edits), 0) / guesses.length;
}

function share(part: number, whole: number): number | null {
  return whole === 0 ? null : part / whole;
}

function balanced(edits: number | null, others: number | null): number | null {
  return edits === null || others === null ? (edits ?? others) : (edits + others) / 2;
}
