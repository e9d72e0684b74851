import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type CountedSegment, createTokenEstimator, type TokenEstimator } from '../../wire/count.ts';

/** Numbers that are the same in every run. */
function createDice(seed: number): (sides: number) => number {
  let state = seed;
  return (sides) => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return Math.floor((state / 2 ** 32) * sides);
  };
}

// Two tokenizers that split like real ones and merge differently: one with a large vocabulary and one with a small.
const SPLIT = /[A-Z]?[a-z]+|[A-Z]+|\d|[ \t]{2,}|[\r\n]+|[^\sA-Za-z\d\u0080-\uffff]+|[\u0080-\uffff]/g;
const large = (text: string): number =>
  (text.match(SPLIT) ?? []).reduce(
    (sum, piece) => sum + (/^[A-Za-z]/.test(piece) ? Math.ceil(piece.length / 8) : 1),
    0,
  );
const small = (text: string): number =>
  (text.match(SPLIT) ?? []).reduce(
    (sum, piece) => sum + (piece > '\u0080' ? 3 : Math.ceil(piece.length / 3)),
    0,
  );

const WORDS =
  'the a of to in is that with file this function when value returns backend request an answer which every should measured configuration prompt tokens because understanding was are not'.split(
    ' ',
  );
const HAN = Array.from('的一是在不了有和人这中大为上个国我以要他时来用们生到作地于出就分对成会可主发年动');

type Dice = (sides: number) => number;
type Category = 'prose' | 'code' | 'json' | 'cjk';
const word = (dice: Dice): string => WORDS[dice(WORDS.length)] ?? 'a';
const repeat = (times: number, make: () => string): string => Array.from({ length: times }, make).join('');

const WRITERS: Readonly<Record<Category, (dice: Dice) => string>> = {
  prose: (dice) => repeat(40, () => `${repeat(6 + dice(9), () => `${word(dice)} `)}${word(dice)}. `),
  code: (dice) =>
    repeat(
      30,
      () =>
        `${' '.repeat(2 * dice(4))}const ${word(dice)}${dice(2) ? 'Of' : ''} = ${word(dice)}(${dice(500)}, '${word(dice)}');\n`,
    ),
  json: (dice) =>
    repeat(
      25,
      () =>
        `"${word(dice)}_${word(dice)}":{"type":"string","description":"${word(dice)} ${word(dice)} ${word(dice)}","minLength":${dice(90)}},`,
    ),
  cjk: (dice) =>
    repeat(20, () => `${repeat(8 + dice(20), () => HAN[dice(HAN.length)] ?? '的')}，${dice(20)}。`),
};
const CATEGORIES = Object.keys(WRITERS) as Category[];

let made = 0;
const segment = (text: string): CountedSegment => ({ hash: `segment ${++made}`, text });
const TEMPLATE_TOKENS = 6;
const tokensOf = (count: (text: string) => number, segments: readonly CountedSegment[]): number =>
  segments.reduce((sum, { text }) => sum + count(text) + TEMPLATE_TOKENS, 0);

function calibrated(count: (text: string) => number, requests = 40): TokenEstimator {
  const estimator = createTokenEstimator();
  const dice = createDice(3);
  for (let request = 0; request < requests; request++) {
    const segments = Array.from({ length: 1 + dice(3) }, () =>
      segment(WRITERS[CATEGORIES[dice(4)] ?? 'prose'](dice)),
    );
    estimator.learn('m', segments, tokensOf(count, segments));
  }
  return estimator;
}

for (const [name, count] of Object.entries({ large, small })) {
  test(`with a ${name} vocabulary, 40 reports bring every kind of text within its bound`, () => {
    const estimator = calibrated(count);
    const dice = createDice(77);
    for (const category of CATEGORIES) {
      for (let sample = 0; sample < 10; sample++) {
        const segments = [segment(WRITERS[category](dice))];
        const error = estimator.estimate('m', segments) / tokensOf(count, segments) - 1;
        assert.ok(Math.abs(error) < (category === 'cjk' ? 0.1 : 0.05), `${category}: ${error}`);
      }
    }
  });
}

test('what was reported is known, and only what was added to it is estimated', () => {
  const estimator = createTokenEstimator();
  const dice = createDice(5);
  const prompt = [segment(WRITERS.json(dice)), segment(WRITERS.code(dice))];
  estimator.learn('m', prompt, 90_000);
  assert.equal(estimator.estimate('m', prompt), 90_000);
  const longer = estimator.estimate('m', [...prompt, segment(WRITERS.prose(dice))]);
  assert.ok(longer > 90_200 && longer < 91_500, String(longer));
  assert.ok(estimator.estimate('another model', prompt) < 10_000);
});

test('turns teach through their difference, under a front that no class explains', () => {
  const estimator = createTokenEstimator();
  const dice = createDice(11);
  const segments = [segment(WRITERS.json(dice))];
  let tokens = 20_000;
  for (let turn = 0; turn < 40; turn++) {
    estimator.learn('m', segments, tokens);
    const added = segment(WRITERS[CATEGORIES[turn % 3] ?? 'prose'](dice));
    segments.push(added);
    tokens += tokensOf(small, [added]);
  }
  for (const category of ['prose', 'code'] as const) {
    const fresh = [segment(WRITERS[category](dice))];
    const error =
      estimator.estimate('m', [...segments.slice(0, -1), ...fresh]) -
      estimator.estimate('m', segments.slice(0, -1));
    assert.ok(Math.abs(error / tokensOf(small, fresh) - 1) < 0.05, `${category}: ${error}`);
  }
});

test('a front that many sessions share spoils no estimate of what stands alone', () => {
  const estimator = createTokenEstimator();
  const dice = createDice(17);
  const text = (of: Category) => repeat(8, () => WRITERS[of](dice));
  const front = [segment(text('prose')), segment(text('json'))];
  // A template that writes tools in words of its own: tokens that no class explains.
  const frontTokens = 1.3 * tokensOf(small, front);
  for (let session = 0; session < 40; session += 1) {
    const own = segment(WRITERS[CATEGORIES[session % 4] ?? 'prose'](dice));
    estimator.learn('m', [...front, own], frontTokens + tokensOf(small, [own]));
  }
  for (const category of CATEGORIES) {
    const own = [segment(WRITERS[category](dice))];
    const error = estimator.estimate('m', own) / tokensOf(small, own) - 1;
    assert.ok(Math.abs(error) < 0.15, `${category}: ${error}`);
    const whole = estimator.estimate('m', [...front, ...own]) / (frontTokens + tokensOf(small, own)) - 1;
    assert.ok(Math.abs(whole) < 0.02, `${category} behind it: ${whole}`);
  }
});

test('one absurd report does not spoil what was learned', () => {
  const estimator = calibrated(large);
  const dice = createDice(8);
  const sample = [segment(WRITERS.prose(dice))];
  const before = estimator.estimate('m', sample);
  for (const factor of [50, 0.01]) {
    const odd = [segment(WRITERS.prose(dice))];
    estimator.learn('m', odd, Math.ceil(tokensOf(large, odd) * factor));
  }
  assert.ok(Math.abs(estimator.estimate('m', sample) / before - 1) < 0.15);
});

test('an estimate is a whole number of at least one, whatever was reported', () => {
  const estimator = createTokenEstimator();
  const text = segment(WRITERS.code(createDice(1)));
  for (const tokens of [Number.NaN, -5, 0, Number.POSITIVE_INFINITY]) estimator.learn('m', [text], tokens);
  assert.equal(estimator.estimate('m', [text]), createTokenEstimator().estimate('m', [text]));
  for (let report = 0; report < 50; report++) estimator.learn('m', [segment(text.text)], 10);
  for (const segments of [[], [segment('')], [segment('😀\u0000\ud800')], [text]]) {
    const estimate = estimator.estimate('m', segments);
    assert.ok(Number.isInteger(estimate) && estimate >= 1);
  }
});

test('a segment is read once, however often its prompt comes', () => {
  let reads = 0;
  const front: CountedSegment = {
    hash: 'front',
    get text() {
      reads += 1;
      return 'x '.repeat(40_000);
    },
  };
  const estimator = createTokenEstimator();
  for (let turn = 0; turn < 20; turn++) {
    estimator.estimate('m', [front, segment('turn')]);
    estimator.learn('n', [front, segment('turn')], 40_010);
  }
  assert.equal(reads, 1);
});

test('what was learned outlives a restart, and what cannot be read is forgotten', () => {
  const estimator = calibrated(small);
  const sample = [segment(WRITERS.code(createDice(21)))];
  const restarted = createTokenEstimator(JSON.parse(JSON.stringify(estimator)));
  assert.equal(restarted.estimate('m', sample), estimator.estimate('m', sample));

  const unlearned = createTokenEstimator().estimate('m', sample);
  assert.notEqual(restarted.estimate('m', sample), unlearned);
  const saved = estimator.toJSON();
  for (const junk of [
    7,
    null,
    [],
    {},
    { ...saved, classes: ['words'] },
    { ...saved, models: { m: { weights: [1], covariance: [] } } },
  ]) {
    assert.equal(createTokenEstimator(junk).estimate('m', sample), unlearned);
  }
});
