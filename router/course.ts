// A stretch of a conversation, priced by what its backends have missed when it begins. Waiting grows with each token
// missed and so does what is left to read afterwards, so a stretch is a straight line in both; stretches follow one
// another, are mixed by how likely they are, and go on for ever with fewer and fewer turns, and stay straight lines.

import { dot } from '../wire/vector.ts';

/** Tokens of the prompt that each backend has not seen, by its place among the candidates. */
export type Missing = readonly number[];

export type Course = {
  /** Seconds waited where no backend has missed anything. */
  readonly waited: number;
  /** What the person would have given for the other backend, in seconds. */
  readonly preference: number;
  /** Seconds for each token that the backend has missed. */
  readonly perMissing: readonly number[];
  /** Of what it has missed, the share that it still misses at the end, and the tokens that it misses besides. */
  readonly keeps: readonly number[];
  readonly grows: readonly number[];
};

/** What is to come, by what is missing when it begins. */
export type Value = Pick<Course, 'waited' | 'preference' | 'perMissing'>;

export function after(first: Course, second: Course): Course {
  return {
    waited: first.waited + second.waited + dot(second.perMissing, first.grows),
    preference: first.preference + second.preference,
    perMissing: first.perMissing.map(
      (price, at) => price + (second.perMissing[at] ?? 0) * (first.keeps[at] ?? 0),
    ),
    keeps: first.keeps.map((share, at) => share * (second.keeps[at] ?? 0)),
    grows: first.grows.map((tokens, at) => tokens * (second.keeps[at] ?? 0) + (second.grows[at] ?? 0)),
  };
}

/** `share` is how likely the first is. */
export function mixed(share: number, one: Course, other: Course): Course {
  const mean = (a: number, b: number) => share * a + (1 - share) * b;
  const means = (a: readonly number[], b: readonly number[]) => a.map((value, at) => mean(value, b[at] ?? 0));
  return {
    waited: mean(one.waited, other.waited),
    preference: mean(one.preference, other.preference),
    perMissing: means(one.perMissing, other.perMissing),
    keeps: means(one.keeps, other.keeps),
    grows: means(one.grows, other.grows),
  };
}

/** The course again and again; each time it goes on with the likelihood `goesOn`, below 1. */
export function again({ waited, preference, perMissing, keeps, grows }: Course, goesOn: number): Value {
  const prices = perMissing.map((price, at) => price / (1 - goesOn * (keeps[at] ?? 0)));
  return {
    waited: (waited + goesOn * dot(prices, grows)) / (1 - goesOn),
    preference: preference / (1 - goesOn),
    perMissing: prices,
  };
}

/** Seconds of a course and, with the likelihood `goesOn`, of what comes after it. */
export function secondsOf(
  course: Course,
  missing: Missing,
  { next, goesOn }: { readonly next: Value; readonly goesOn: number },
): { readonly waited: number; readonly preference: number } {
  let waited = course.waited + goesOn * (next.waited + dot(next.perMissing, course.grows));
  for (const [at, tokens] of missing.entries()) {
    const later = goesOn * (next.perMissing[at] ?? 0) * (course.keeps[at] ?? 0);
    waited += ((course.perMissing[at] ?? 0) + later) * tokens;
  }
  return { waited, preference: course.preference + goesOn * next.preference };
}
