// What the guardian makes of a whole conversation and of what its servers report: whose loss it was, why, and how much.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createGuardian, type FoundBreak, type Guardian } from '../../router/guardian.ts';
import type { Kind } from '../../router/outcome.ts';
import { segments } from '../../wire/fingerprint.ts';
import type { Conversation, Message, Tool } from '../../wire/message.ts';

const TOKENS_A_SEGMENT = 1000;

test('a conversation that goes on, with all of it found again, breaks nothing', () => {
  const world = createWorld();
  world.ask({ turns: 1 });
  for (const turns of [3, 5, 7]) assert.equal(world.ask({ turns }), undefined);
});

test('the first prompt of a conversation breaks nothing, however cold it is', () => {
  const world = createWorld();
  assert.equal(world.ask({ session: 'one', turns: 3, cached: 0 }), undefined);
  assert.equal(world.ask({ session: 'two', turns: 3, cached: 0 }), undefined);
});

test('a tool more costs what stood behind it, as the server counts it', () => {
  const world = createWorld();
  world.ask({ turns: 5, tools: ['Bash', 'Write'] });
  const found = world.ask({ turns: 7, tools: ['Bash', 'Read', 'Write'], cached: 1300 });
  assert.equal(found?.cause, 'tools-added');
  // System, two thirds of the tools and five turns had been computed: 6,667 of 9,000 tokens.
  assert.equal(found?.lostTokens, 6667 - 1300);
});

test('where the server tells nothing, the loss is what memory knows', () => {
  const world = createWorld();
  world.ask({ turns: 5, tools: ['Bash', 'Write'] });
  const found = world.ask({ turns: 7, tools: ['Bash', 'Read', 'Write'], cached: 'unknown' });
  assert.equal(found?.lostTokens, 5333 + 0);
});

test('a loss is counted in the tokens of the server, not in our estimates', () => {
  const world = createWorld();
  world.ask({ turns: 5 });
  const found = world.ask({ turns: 5, system: 'Another.', cached: 0, promptTokens: 14_000 });
  // Seven segments; the system's own text shares but its full stop.
  assert.ok(found && found.lostTokens >= 12_000 && found.lostTokens <= 12_400, `${found?.lostTokens}`);
});

test('a break that another backend pays for cost that backend nothing it had', () => {
  const world = createWorld();
  world.ask({ turns: 5, backend: 'a' });
  const found = world.ask({ turns: 5, system: 'Another.', backend: 'b', cached: 0 });
  assert.equal(found?.cause, 'system-changed');
  assert.equal(found?.lostTokens, 0);
  assert.equal(world.ask({ turns: 7, system: 'Another.', backend: 'a', cached: 0 }), undefined);
});

test('what was read ahead in a pause breaks nothing, whatever comes of it', () => {
  const world = createWorld();
  world.ask({ turns: 5, backend: 'a' });
  world.guardian.readAhead({ backend: 'b', conversation: { sessionId: 's' }, extent: 'whole' });
  assert.equal(world.ask({ turns: 7, backend: 'b' }), undefined);
  world.guardian.readAhead({ backend: 'a', conversation: { sessionId: 's' }, extent: 'whole' });
  assert.equal(world.ask({ turns: 9, backend: 'a' }), undefined);
  world.ask({ session: 'two', turns: 5, backend: 'a' });
  world.guardian.readAhead({ backend: 'b', conversation: { sessionId: 'two' }, extent: 'whole' });
  assert.equal(world.ask({ session: 'two', turns: 7, backend: 'b', cached: 0 }), undefined, 'lost again');
});

test('what was read ahead and is broken then was lost, too', () => {
  for (const extent of ['whole', 'part'] as const) {
    const world = createWorld();
    world.ask({ turns: 5, backend: 'a', tools: ['Bash'] });
    world.guardian.readAhead({ backend: 'b', conversation: { sessionId: 's' }, extent });
    const found = world.ask({ turns: 7, backend: 'b', tools: ['Bash', 'Read'], cached: 1000 });
    assert.equal(found?.cause, 'tools-added');
    // Of the system text, half of the tools and five turns.
    assert.equal(found?.lostTokens, extent === 'whole' ? 6500 - 1000 : 0);
  }
});

test('a loss that a prefill in a pause has caused is not taken for a restart', () => {
  const world = createWorld();
  world.ask({ turns: 5 });
  world.guardian.readAhead({ backend: 'a', conversation: { sessionId: 'two' }, extent: 'part' });
  const evicted = world.ask({ turns: 7, cached: 0 });
  assert.match(evicted?.detail ?? '', /evicted, it seems: another conversation came in between$/);
  world.guardian.readAhead({ backend: 'a', conversation: { sessionId: 's' }, extent: 'part' });
  assert.match(
    world.ask({ turns: 9, cached: 0 })?.detail ?? '',
    /restarted, it seems: nothing came in between$/,
  );
  world.guardian.readAhead({ backend: 'a', extent: 'whole' });
  assert.match(world.ask({ turns: 11, cached: 0 })?.detail ?? '', /evicted, it seems/);
});

test('a subagent and its main conversation do not break each other', () => {
  const world = createWorld();
  world.ask({ turns: 5 });
  assert.equal(world.ask({ turns: 1, agent: 'x', kind: 'subagent', system: 'Another.' }), undefined);
  assert.equal(world.ask({ turns: 7 }), undefined);
  assert.equal(world.ask({ turns: 3, agent: 'x', kind: 'subagent', system: 'Another.' }), undefined);
});

test('a side call, a request without a session and one that the client calls an aside break nothing', () => {
  const world = createWorld();
  world.ask({ turns: 5 });
  assert.equal(world.ask({ turns: 1, kind: 'web-search', system: 'Search.', tools: [] }), undefined);
  assert.equal(world.ask({ turns: 5, system: 'An aside.', isAside: true }), undefined);
  assert.equal(world.ask({ turns: 2, kind: 'subagent', system: 'Nobody.' }), undefined);
  assert.equal(world.ask({ turns: 7 }), undefined);
  assert.equal(world.ask({ session: 'none', turns: 3 }), undefined);
  assert.equal(world.ask({ session: 'none', turns: 1, system: 'Others.' }), undefined);
});

test('a compaction is one break, told once, and the conversation goes on from it', () => {
  const world = createWorld();
  world.ask({ turns: 41 });
  world.ask({ turns: 41, kind: 'compact', asking: 'sum it up' });
  const found = world.ask({ turns: 1, asking: 'In short.', cached: 2000 });
  assert.equal(found?.cause, 'history-compacted');
  assert.equal(found?.detail, 'history compacted: 41 messages became 1');
  assert.equal(world.ask({ turns: 1, asking: 'In short.', more: ['and', 'then'], cached: 3000 }), undefined);
});

test('a compaction that was given up leaves the conversation as it was', () => {
  const world = createWorld();
  world.ask({ turns: 5 });
  world.ask({ turns: 5, kind: 'compact', asking: 'sum it up' });
  assert.equal(world.ask({ turns: 7 }), undefined);
});

test('a prompt that was never computed is not what the next one is held against', () => {
  const world = createWorld();
  world.ask({ turns: 5 });
  world.watch({ turns: 7, system: 'Another.' });
  assert.equal(world.ask({ turns: 7 }), undefined);
});

test('a server that finds little of what it was sent has lost it: evicted where others came in between', () => {
  const world = createWorld();
  world.ask({ turns: 9 });
  for (const session of ['b', 'c']) world.ask({ session, turns: 3 });
  const found = world.ask({ turns: 11, cached: 2000 });
  assert.equal(found?.cause, 'server-lost');
  assert.equal(found?.segment, 'server');
  assert.equal(found?.lostTokens, 11_000 - 2000);
  assert.equal(
    found?.detail,
    '2000 of 11000 tokens were found again: evicted, it seems: 2 other conversations came in between',
  );
});

test('… restarted where it was away, or where nothing came in between', () => {
  const world = createWorld();
  world.ask({ turns: 9 });
  assert.match(world.ask({ turns: 11, cached: 0 })?.detail ?? '', /restarted, it seems: nothing came in/);
  world.guardian.lost('a');
  const found = world.ask({ turns: 13, cached: 0 });
  assert.equal(found?.cause, 'server-lost');
  assert.match(found?.detail ?? '', /the server was away in between$/);
  assert.equal(world.ask({ turns: 15 }), undefined);
});

test('… and renders it anew where it takes up the conversation in its middle', () => {
  const world = createWorld();
  world.ask({ turns: 19 });
  const found = world.ask({ turns: 21, cached: 9000 });
  assert.equal(found?.cause, 'template-changed');
  assert.match(found?.detail ?? '', /^9000 of 21000 tokens were found again: the server renders/);
});

test('what is missing of half or less, or of a few hundred tokens, is no loss', () => {
  const world = createWorld();
  world.ask({ turns: 9 });
  assert.equal(world.ask({ turns: 11, cached: 6000 }), undefined);
  const small = createWorld(40);
  small.ask({ turns: 9 });
  assert.equal(small.ask({ turns: 11, cached: 0 }), undefined);
});

test('another model behind the same address is the cause, not the server', () => {
  const world = createWorld();
  world.ask({ turns: 9, model: 'qwen' });
  const found = world.ask({ turns: 11, model: 'llama', cached: 0 });
  assert.equal(found?.cause, 'model-changed');
  assert.equal(found?.detail, 'the model llama serves in place of qwen');
  assert.equal(found?.lostTokens, 11_000);
  assert.equal(world.ask({ turns: 13, model: 'llama' }), undefined);
});

test('a model that no probe has told is no other model', () => {
  const world = createWorld();
  world.ask({ turns: 9 });
  assert.equal(world.ask({ turns: 11, model: 'llama', cached: 'unknown' }), undefined);
});

test('an answer that was left in its middle counts as sent, but is not expected to be found', () => {
  const world = createWorld();
  world.ask({ turns: 5 });
  world.ask({ turns: 15, ending: 'begun', cached: 7000 });
  assert.equal(world.ask({ turns: 17, cached: 7000 }), undefined);
});

test('the oldest conversation is forgotten first, and nothing is said of it', () => {
  const world = createWorld(TOKENS_A_SEGMENT, 3);
  for (const session of ['one', 'two', 'three', 'four']) world.ask({ session, turns: 5 });
  assert.equal(world.ask({ session: 'one', turns: 7, system: 'Another.', cached: 0 }), undefined);
  assert.equal(
    world.ask({ session: 'four', turns: 7, system: 'Another.', cached: 0 })?.cause,
    'system-changed',
  );
});

// ---- A world of conversations -------------------------------------------------------------------------

type Asked = {
  readonly session?: string;
  readonly agent?: string;
  readonly kind?: Kind;
  readonly isAside?: boolean;
  readonly system?: string;
  readonly tools?: readonly string[];
  /** Messages `turn 1` to `turn n`, of alternating roles. */
  readonly turns: number;
  /** In place of the last of them. */
  readonly asking?: string;
  readonly more?: readonly string[];
  readonly backend?: string;
  readonly model?: string;
  readonly ending?: 'completed' | 'begun';
  readonly promptTokens?: number;
  /** Default: all that this conversation has sent to this backend before. */
  readonly cached?: number | 'unknown';
};

type World = {
  readonly guardian: Guardian;
  watch(asked: Asked): ReturnType<Guardian['watch']>;
  ask(asked: Asked): FoundBreak | undefined;
};

function createWorld(tokensASegment = TOKENS_A_SEGMENT, conversations = 100): World {
  const guardian = createGuardian({ conversations });
  const watch = ({ session = 's', agent, kind = 'main', isAside = false, ...asked }: Asked) => {
    const prompt = promptOf(asked);
    const chain = prompt.segments.map(({ hash }) => ({ hash, tokens: tokensASegment }));
    const name = { ...(session !== 'none' && { sessionId: session }), ...(agent && { agentId: agent }) };
    return guardian.watch({ conversation: name, kind, isAside, prompt, chain });
  };
  return {
    guardian,
    watch,
    ask(asked) {
      const { backend = 'a', model, ending = 'completed', promptTokens } = asked;
      const watched = watch(asked);
      const cached = asked.cached ?? guardian.heldTokens(watched, backend);
      return guardian.settle(watched, {
        ...{ backend, ending, model },
        ...(promptTokens !== undefined && { promptTokens }),
        ...(cached !== 'unknown' && { cachedTokens: cached }),
      });
    },
  };
}

function promptOf({ system = 'Be brief.', tools = ['Read'], turns, asking, more = [], model }: Asked) {
  const words = Array.from({ length: turns }, (_, at) => `turn ${at + 1}`);
  const said = [...(asking === undefined ? words : [...words.slice(0, -1), asking]), ...more];
  const messages = said.map(
    (text, at): Message => ({
      role: at % 2 === 0 ? 'user' : 'assistant',
      parts: [{ kind: 'text', text }],
    }),
  );
  const list: readonly Tool[] = tools.map((name) => ({ name, description: '', inputSchema: {} }));
  const conversation: Conversation = {
    ...{ system, tools: list, messages, callable: tools, maxTokens: 1, stopSequences: [] },
    toolChoice: { kind: 'auto' },
    hasImages: false,
  };
  return {
    ...{ segments: segments(conversation), tools: list, messages: messages.length },
    ...{ openingParts: 1, requestedModel: model ?? 'm' },
  };
}
