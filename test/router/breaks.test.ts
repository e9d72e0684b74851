// Where a prompt leaves the one before it: every cause by its name, and no break where the prompt only goes on.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  type Comparison,
  findBreak,
  markOf,
  overlapOf,
  type Prompt,
  type PromptBreak,
} from '../../router/breaks.ts';
import { createFronts } from '../../router/front.ts';
import { segments } from '../../wire/fingerprint.ts';
import type { Conversation, Message, Tool } from '../../wire/message.ts';

type Shape = {
  readonly system?: string;
  readonly tools?: readonly Tool[];
  readonly turns?: readonly string[];
  readonly model?: string;
};

test('a tool that joins the list is named', () => {
  const found = broken(
    { tools: [tool('Bash'), tool('Read')] },
    { tools: [tool('Bash'), tool('mcp__x__y'), tool('Read')] },
  );
  assert.deepEqual(found, {
    cause: 'tools-added',
    segment: 'tools',
    detail: 'tool list: +1 tool mcp__x__y',
  });
});

test('tools that leave, change or move are told apart', () => {
  const [bash, read, write] = [tool('Bash'), tool('Read'), tool('Write')];
  const from = (tools: readonly Tool[]) => broken({ tools: [bash, read, write] }, { tools });
  assert.equal(from([bash])?.cause, 'tools-removed');
  assert.equal(from([bash])?.detail, 'tool list: -2 tools Read, Write');
  assert.equal(from([bash, tool('Read', 'another'), write])?.cause, 'tools-changed');
  assert.equal(from([bash, tool('Read', 'another'), write])?.detail, 'tool list: definition of Read changed');
  assert.equal(from([read, bash, write])?.cause, 'tools-changed');
  assert.equal(from([read, bash, write])?.detail, 'tool list: order changed');
  assert.equal(from([bash, read, tool('Edit')])?.detail, 'tool list: +1 tool Edit, -1 tool Write');
});

test('a long list of names is cut, and no name may break the line', () => {
  const many = Array.from({ length: 9 }, (_, at) => tool(`tool\n${at}${'x'.repeat(200)}`));
  const detail = broken({ tools: [] }, { tools: many })?.detail ?? '';
  assert.match(detail, /^tool list: \+9 tools tool\?0x+, .* and 4 more$/);
  assert.ok(detail.length < 500, `${detail.length} characters`);
});

test('a change of the system text is told by its place and size, without its words', () => {
  const text = 'a'.repeat(3401) + 'b'.repeat(12) + 'c'.repeat(14_807);
  const found = broken({ system: text }, { system: text.replace('b'.repeat(12), 'secretwords!') });
  assert.deepEqual(found, {
    cause: 'system-changed',
    segment: 'system',
    detail: 'system text: 12 characters changed at 3,401 of 18,220',
  });
});

test('a system text too long to be kept is told by its lengths alone', () => {
  const found = broken({ system: 'a'.repeat(100_000) }, { system: 'b'.repeat(100_001) });
  assert.equal(found?.detail, 'system text: 100,000 characters became 100,001');
});

test('where the client asks for another model, the model is the cause of another front', () => {
  const found = broken({ system: 'One.', model: 'a' }, { system: 'Two.', model: 'b' });
  assert.equal(found?.cause, 'model-changed');
  assert.equal(found?.segment, 'system');
  assert.match(found?.detail ?? '', /^the client asks for the model b in place of a; system text: 3 char/);
});

test('another model in the request, and the same prompt, is no break', () => {
  assert.equal(broken({ model: 'a' }, { model: 'b', turns: [...TURNS, 'more', 'still'] }), undefined);
});

test('a summary in place of the history is a compaction', () => {
  const turns = Array.from({ length: 84 }, (_, at) => `turn ${at}`);
  const summary = 'This session is being continued from a previous conversation. The kettle is full.';
  assert.deepEqual(broken({ turns }, { turns: [summary, 'turn 82', 'turn 83'] }), {
    cause: 'history-compacted',
    segment: 'messages',
    detail: 'history compacted: 84 messages became 3',
  });
});

test('a history that is rewritten far behind an earlier summary is no second compaction', () => {
  const summary = 'This session is being continued from a previous conversation. The kettle is full.';
  const turns = [summary, 'two', 'three', 'four', 'five'];
  assert.equal(
    broken({ turns }, { turns: [summary, 'two', 'other', 'four', 'five'] })?.cause,
    'history-rewritten',
  );
});

test('a tool that the compaction moves back to the others is part of it', () => {
  const summary = 'This session is being continued from a previous conversation. The kettle is full.';
  const found = broken({}, { turns: [summary], tools: [tool('Read'), tool('WebFetch')] });
  assert.equal(found?.cause, 'history-compacted');
  assert.equal(found?.segment, 'tools');
  assert.equal(found?.detail, 'history compacted: 3 messages became 1; tool list: +1 tool WebFetch');
  const later = { turns: [summary, 'two'], tools: [tool('Read'), tool('WebFetch')] };
  assert.equal(broken({ turns: [summary] }, later)?.cause, 'tools-added');
});

test('fewer messages after the client has asked for a summary are a compaction, whatever its words', () => {
  const [before, after] = [{ turns: TURNS }, { turns: ['In short: the kettle is full.'] }];
  assert.equal(broken(before, after)?.cause, 'history-rewritten');
  assert.equal(broken(before, after, 'asked for')?.cause, 'history-compacted');
});

test('a message that is rewritten is told by its number', () => {
  const turns = Array.from({ length: 40 }, (_, at) => `turn ${at + 1}`);
  const after = turns.map((turn) => (turn === 'turn 12' ? '[cleared]' : turn));
  assert.deepEqual(broken({ turns }, { turns: after }), {
    cause: 'history-rewritten',
    segment: 'messages',
    detail: 'history rewritten at message 12 of 40',
  });
});

test('a history that was taken back is told as that', () => {
  const found = broken({ turns: ['1', '2', '3', '4', '5'] }, { turns: ['1', '2', 'another 3'] });
  assert.equal(found?.detail, 'history taken back to message 3 of 5');
});

test('a prompt that was not answered and shares its message with the next one is no break', () => {
  assert.equal(broken({ turns: ['1', '2', '3'] }, { turns: ['1', '2', '3\n\nand then?'] }), undefined);
  assert.equal(broken({ turns: ['1', '2', '3'] }, { turns: ['1', '2', '33'] }), undefined);
  assert.equal(
    broken({ turns: ['1', '2', '3'] }, { turns: ['1', '2', '4\n\nand 3'] })?.cause,
    'history-rewritten',
  );
});

test('an image behind the words of a message counts as its growth', () => {
  const image = { kind: 'image', mediaType: 'image/png', base64: 'iVBORw0KGgo=' } as const;
  const showing = (...parts: readonly ('text' | 'image')[]) =>
    promptOf({}, [
      said('1', 0),
      said('2', 1),
      withParts(parts.map((kind) => (kind === 'text' ? text('3') : image))),
    ]);
  assert.equal(compared(showing('text', 'image'), showing('text', 'image')), undefined);
  assert.equal(compared(showing('text', 'image'), showing('text', 'image', 'image')), undefined);
  assert.equal(compared(showing('text', 'image'), showing('text'))?.cause, 'history-rewritten');
});

// ---- For all prompts ----------------------------------------------------------------------------------

const WORDS = fc.string({ minLength: 1, maxLength: 12 });
const SHAPES = fc.record({
  system: WORDS,
  tools: fc.uniqueArray(WORDS, { maxLength: 5 }).map((names) => names.map((name) => tool(name))),
  turns: fc.array(WORDS, { minLength: 1, maxLength: 8 }),
});

test('a prompt that only goes on never breaks', () => {
  fc.assert(
    fc.property(SHAPES, fc.array(WORDS, { maxLength: 4 }), (shape, more) => {
      assert.equal(broken(shape, { ...shape, turns: [...shape.turns, ...more] }), undefined);
    }),
  );
});

test('whatever is changed before the end is found, and the first of it is named', () => {
  const changes = fc.record({ at: fc.nat(), other: WORDS, more: fc.array(WORDS, { maxLength: 3 }) });
  fc.assert(
    fc.property(SHAPES, changes, (shape, { at, other, more }) => {
      const place = at % (shape.turns.length + 1);
      const changed = place === 0 ? { system: `${other}~` } : { turns: altered(shape.turns, place - 1) };
      const after = { ...shape, ...changed };
      const found = broken(shape, { ...after, turns: [...after.turns, ...more] });
      assert.equal(found?.segment, place === 0 ? 'system' : 'messages');
      if (place > 0)
        assert.match(found?.detail ?? '', new RegExp(`message ${place} of ${shape.turns.length}`));
    }),
  );
});

test('a change of the tools is found before any change of the messages', () => {
  fc.assert(
    fc.property(SHAPES, (shape) => {
      const after = { ...shape, tools: [...shape.tools, tool('a new one')], turns: ['other'] };
      const found = broken(shape, after);
      assert.equal(found?.cause, 'tools-added');
      assert.equal(found?.segment, 'tools');
    }),
  );
});

// ---- Cost ---------------------------------------------------------------------------------------------

test('what a new tool list makes cold is all behind the first change', () => {
  const tools = ['A', 'B', 'C', 'D'].map((name) => tool(name));
  const { kept, again } = overlap(
    { tools },
    { tools: [...tools.slice(0, 2), tool('new'), ...tools.slice(2)] },
  );
  // System, two of the five tools; and all of the system, four of the five tools, every message.
  assert.equal(kept, 10 + 4);
  assert.equal(again, 10 + 8 + 10 * TURNS.length);
});

test('a rewound history costs nothing that was held', () => {
  const { kept, again } = overlap({ turns: ['1', '2', '3', '4', '5'] }, { turns: ['1', '2', 'another'] });
  assert.equal(kept, again);
});

test('after a compaction only the turns that were kept are computed again', () => {
  const turns = Array.from({ length: 20 }, (_, at) => `turn ${at}`);
  const { kept, again } = overlap({ turns }, { turns: ['the summary', 'turn 17', 'turn 18'] });
  assert.equal(kept, 20);
  assert.equal(again, 40);
});

// ---- Making prompts -----------------------------------------------------------------------------------

const TURNS = ['one', 'two', 'three'];

function broken(
  before: Shape,
  after: Shape,
  summary: Comparison['summary'] = 'not asked for',
): PromptBreak | undefined {
  return compared(promptOf(before), promptOf(after), summary);
}

function compared(
  one: Prompt,
  other: Prompt,
  summary: Comparison['summary'] = 'not asked for',
): PromptBreak | undefined {
  const fronts = createFronts();
  const before = markOf(one, fronts.of);
  return findBreak({ before, after: markOf(other, fronts.of, before), prompt: other, summary });
}

/** Each segment of the later prompt counts for 10 tokens. */
function overlap(before: Shape, after: Shape) {
  const fronts = createFronts();
  const later = promptOf(after);
  const chain = later.segments.map(({ hash }) => ({ hash, tokens: 10 }));
  return overlapOf(markOf(promptOf(before), fronts.of), markOf(later, fronts.of), chain);
}

function promptOf(
  { system = 'Be brief.', tools = [tool('Read')], turns = TURNS, model = 'm' }: Shape,
  messages: readonly Message[] = turns.map(said),
): Prompt {
  const conversation: Conversation = {
    ...{ system, tools, messages, callable: [], maxTokens: 1, stopSequences: [] },
    toolChoice: { kind: 'auto' },
    hasImages: false,
  };
  return {
    ...{ segments: segments(conversation), tools, messages: messages.length },
    openingParts: messages[0]?.parts.length ?? 0,
    requestedModel: model,
  };
}

function said(words: string, at: number): Message {
  return at % 2 === 0 ? withParts([text(words)]) : { role: 'assistant', parts: [text(words)] };
}

function withParts(parts: Extract<Message, { role: 'user' }>['parts']): Message {
  return { role: 'user', parts };
}

function text(words: string) {
  return { kind: 'text', text: words } as const;
}

/** Not only longer: a last message that has grown is no break. */
function altered(turns: readonly string[], at: number): readonly string[] {
  return turns.map((turn, each) => (each === at ? `~${turn}` : turn));
}

function tool(name: string, description = 'Does it.'): Tool {
  return { name, description, inputSchema: {} };
}
