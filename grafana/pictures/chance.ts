// Chance that falls the same way every time.

export type Chance = {
  is(probability: number): boolean;
  between(low: number, high: number): number;
  /** 0 to 1, mostly near 0. */
  low(): number;
  /** `value`, more or less: `spread` is the logarithm of the furthest factor. */
  around(value: number, spread: number): number;
  /** The first ones more often. */
  pick<T>(list: readonly [T, ...T[]]): T;
};

export function chanceOf(random: () => number): Chance {
  return {
    is: (probability) => random() < probability,
    between: (low, high) => low + random() * (high - low),
    low: () => random() ** 1.5,
    around: (value, spread) => value * Math.exp((random() + random() - 1) * spread),
    pick: (list) => list[Math.floor(random() ** 1.6 * list.length)] ?? list[0],
  };
}
