// Stop sequences, enforced here: mlx_lm.server compares token ids, so that a sequence which is tokenised in
// another way neither stops the model nor stays in the text.

export type Stopped = {
  /** What can be passed on now. */
  readonly text: string;
  /** The sequence that was met. Everything from its first character on is gone. */
  readonly hit?: string;
};

export type StopMatcher = {
  push(text: string): Stopped;
  /** What was held back because a sequence could have begun there. */
  flush(): string;
};

/** Holds back only as much text as could be the beginning of a sequence. Cutting the text differently changes nothing. */
export function createStopMatcher(stopSequences: readonly string[]): StopMatcher {
  const sequences = stopSequences.filter((sequence) => sequence !== '');
  let held = '';
  return {
    push(text) {
      const all = held + text;
      const hit = firstHit(all, sequences);
      if (hit) {
        held = '';
        return { text: all.slice(0, hit.start), hit: hit.sequence };
      }
      const safe = all.length - lengthOfPossibleStart(all, sequences);
      held = all.slice(safe);
      return { text: all.slice(0, safe) };
    },
    flush() {
      const rest = held;
      held = '';
      return rest;
    },
  };
}

type Hit = { readonly sequence: string; readonly start: number; readonly end: number };

/** The one that is complete first; of two that end together the longer. So it would be letter by letter, too. */
function firstHit(text: string, sequences: readonly string[]): Hit | undefined {
  let best: Hit | undefined;
  for (const sequence of sequences) {
    const start = text.indexOf(sequence);
    if (start < 0) continue;
    const end = start + sequence.length;
    if (!best || end < best.end || (end === best.end && start < best.start)) best = { sequence, start, end };
  }
  return best;
}

function lengthOfPossibleStart(text: string, sequences: readonly string[]): number {
  let longest = 0;
  for (const sequence of sequences) {
    for (let length = Math.min(sequence.length - 1, text.length); length > longest; length--) {
      if (text.endsWith(sequence.slice(0, length))) longest = length;
    }
  }
  return longest;
}
