// What a model server's prompt cache sees of whole sessions: tools that stay, messages that only grow, and a front
// that new sessions share.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseJson } from '../../wire/body.ts';
import type { ChatMessage, ChatRequest } from '../../wire/chat.ts';
import { segments } from '../../wire/fingerprint.ts';
import type { Conversation } from '../../wire/message.ts';
import { normalise } from '../../wire/normalise.ts';
import { parseRequest } from '../../wire/parse.ts';
import { toChat } from '../../wire/to-chat.ts';
import { deferredNames, type RequestBody, Session, type SessionOptions } from '../fixture/session.ts';

const PIXEL = 'iVBORw0KGgo=';

/** One completed assistant turn and what the user's side says next. */
type Step =
  | { readonly kind: 'answer' | 'plan' | 'event' | 'image' | 'twice' }
  | { readonly kind: 'tools'; readonly calls: number; readonly reminded: boolean }
  | { readonly kind: 'search'; readonly names: readonly string[] };

const STEPS: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.oneof(
    fc.record({ kind: fc.constantFrom('answer', 'plan', 'event', 'image', 'twice') }),
    fc.record({ kind: fc.constant('tools'), calls: fc.integer({ min: 1, max: 4 }), reminded: fc.boolean() }),
    fc.record({
      kind: fc.constant('search'),
      names: fc.uniqueArray(fc.constantFrom(...deferredNames('interactive')), { minLength: 1, maxLength: 3 }),
    }),
  ) as fc.Arbitrary<Step>,
  { minLength: 1, maxLength: 8 },
);

const SETTINGS: fc.Arbitrary<SessionOptions> = fc.record({
  version: fc.constantFrom('2.1.330', '2.1.197'),
  surface: fc.constant('interactive' as const),
  toolSearch: fc.constantFrom('on', 'off'),
});

test('after each completed assistant turn the chat request extends the one before', () => {
  fc.assert(
    fc.property(SETTINGS, STEPS, (settings, steps) => {
      const session = new Session(settings);
      let earlier = session.body();
      for (const step of steps) {
        take(session, step);
        const later = session.body();
        assertExtends(chatOf(later), chatOf(earlier));
        assertChainExtends(conversationOf(later), conversationOf(earlier));
        earlier = later;
      }
    }),
    { numRuns: 40 },
  );
});

test('every piece of content of a session reaches the backend exactly once, and no thinking does', () => {
  fc.assert(
    fc.property(SETTINGS, STEPS, (settings, steps) => {
      const session = new Session(settings);
      for (const step of steps) take(session, step);
      const sent = JSON.stringify(chatOf(session.body()));
      for (const mark of new Set(session.marks)) assert.equal(sent.split(mark).length - 1, 1, mark);
      for (const mark of session.thoughtMarks) assert.equal(sent.includes(mark), false, mark);
    }),
    { numRuns: 40 },
  );
});

test('the same request gives the same bytes', () => {
  fc.assert(
    fc.property(SETTINGS, STEPS, (settings, steps) => {
      const session = new Session(settings);
      for (const step of steps) take(session, step);
      assert.equal(JSON.stringify(chatOf(session.body())), JSON.stringify(chatOf(session.body())));
    }),
    { numRuns: 10 },
  );
});

test('a nonce in the billing block changes nothing', () => {
  for (const version of ['2.1.330', '2.1.197'] as const) {
    const [one, other, none] = ['a1f', '9c4', 'off'].map((nonce) => new Session({ version, nonce }).body());
    assert.ok(one && other && none);
    assert.notDeepEqual(one.system, other.system);
    assert.deepEqual(chatOf(one), chatOf(other));
    assert.deepEqual(chatOf(one), chatOf(none));
    assert.deepEqual(segmentsOf(one), segmentsOf(other));
  }
});

test('a new session of the same project shares all but the words of the prompt', () => {
  for (const version of ['2.1.330', '2.1.197'] as const) {
    const first = new Session({ version, prompt: 'Fill the kettle.' }).body();
    const second = new Session({
      version,
      prompt: 'Empty the well.',
      nonce: '77e',
      sessionId: 'other',
    }).body();
    assert.deepEqual(chatOf(first).tools, chatOf(second).tools);
    const [one, other] = [allText(chatOf(first)), allText(chatOf(second))];
    const shared = commonPrefix(one, other);
    assert.equal(one.slice(shared.length), 'Fill the kettle. [[prompt 1]]');
    assert.equal(other.slice(shared.length), 'Empty the well. [[prompt 1]]');
    assert.equal(sharedSegments(first, second), segmentsOf(first).length - 1);
  }
});

test('after a commit a new session shares all but the git status and the prompt', () => {
  for (const version of ['2.1.330', '2.1.197'] as const) {
    const first = new Session({ version, gitStatus: 'M kettle.ts', prompt: 'Fill the kettle.' }).body();
    const second = new Session({ version, gitStatus: '?? well.ts', prompt: 'Empty the well.' }).body();
    const one = allText(chatOf(first));
    const rest = one.slice(commonPrefix(one, allText(chatOf(second))).length);
    assert.ok(rest.startsWith('M kettle.ts'), rest.slice(0, 40));
    assert.ok(rest.length < 300, `${rest.length} characters are cold`);
    assert.equal(sharedSegments(first, second), segmentsOf(first).length - 2);
  }
});

test('on another day the rules, the tools and the environment up to its last line stay shared', () => {
  const [first, second] = ['2026-11-23', '2026-11-24'].map((date) => new Session({ date }).body());
  assert.ok(first && second);
  const one = allText(chatOf(first));
  const rest = one.slice(commonPrefix(one, allText(chatOf(second))).length);
  assert.ok(rest.startsWith('3.\n</system-reminder>'), rest.slice(0, 40));
  assert.ok(rest.length < 500, `${rest.length} characters are cold`);
});

test('a file named in the prompt does not make the environment cold', () => {
  const first = new Session().remind('Called the Read tool with the following input: kettle.ts').body();
  const second = new Session({ prompt: 'Empty the well.' }).body();
  const one = allText(chatOf(first));
  const rest = one.slice(commonPrefix(one, allText(chatOf(second))).length);
  assert.ok(rest.startsWith('Where is the kettle'), rest.slice(0, 40));
});

test('a compaction keeps system prompt and tools, those loaded by tool search behind the others', () => {
  const session = new Session();
  const before = conversationOf(session.body());
  session.loadTools('WebFetch');
  assertExtends(chatOf(session.compactBody()), chatOf(session.body()), 'the last message grows');
  const after = conversationOf(session.compact().body());
  assert.equal(after.system, before.system);
  assert.deepEqual(after.tools.slice(0, -1), before.tools);
  assert.equal(after.tools.at(-1)?.name, 'WebFetch');
});

test('the order for a summary changes nothing before it', () => {
  const session = new Session().answer().ask('And the well?').answer();
  const before = chatOf(session.body());
  assertExtends(chatOf(session.compactBody()), before);
});

function take(session: Session, step: Step): void {
  switch (step.kind) {
    case 'answer':
      session.answer().ask('And then?');
      break;
    case 'plan':
      session
        .answer()
        .ask('Plan it.')
        .enterPlanMode()
        .useTools([{ name: 'Read', input: {} }])
        .leavePlanMode();
      break;
    case 'event':
      session.answer().notify();
      break;
    case 'image':
      session.answer().showImage(PIXEL, 'What is on it?');
      break;
    case 'twice':
      session.answer().ask('Stop.').remind('A reminder between them.').ask('Go on.');
      break;
    case 'tools': {
      const calls = Array.from({ length: step.calls }, (_, at) => ({
        name: at === 1 ? 'Bash' : 'Read',
        input: { at },
      }));
      session.useTools(calls);
      if (step.reminded) session.remind('Mind the list.');
      break;
    }
    case 'search':
      session.loadTools(...step.names);
      break;
    default:
      step satisfies never;
  }
}

function conversationOf(body: RequestBody): Conversation {
  return normalise(parseRequest(parseJson(Buffer.from(JSON.stringify(body)))));
}

function chatOf(body: RequestBody): ChatRequest {
  return toChat(conversationOf(body), { flattenSystemPrompt: 'keep', images: 'send', toolChoice: 'send' });
}

function segmentsOf(body: RequestBody) {
  return segments(conversationOf(body));
}

function assertExtends(
  later: ChatRequest,
  earlier: ChatRequest,
  lastMessage?: 'the last message grows',
): void {
  assert.equal(JSON.stringify(later.tools), JSON.stringify(earlier.tools));
  const whole = lastMessage === undefined ? earlier.messages : earlier.messages.slice(0, -1);
  assert.equal(JSON.stringify(later.messages.slice(0, whole.length)), JSON.stringify(whole));
  assert.ok(later.messages.length >= earlier.messages.length);
}

function assertChainExtends(later: Conversation, earlier: Conversation): void {
  const hashes = segments(earlier).map(({ hash }) => hash);
  assert.deepEqual(
    segments(later)
      .slice(0, hashes.length)
      .map(({ hash }) => hash),
    hashes,
  );
}

function sharedSegments(one: RequestBody, other: RequestBody): number {
  const others = segmentsOf(other);
  return segmentsOf(one).filter(({ hash }, at) => others[at]?.hash === hash).length;
}

function allText({ messages }: ChatRequest): string {
  return messages.map(contentText).join('\n');
}

function contentText({ content }: ChatMessage): string {
  return typeof content === 'string' ? content : JSON.stringify(content);
}

function commonPrefix(one: string, other: string): string {
  let length = 0;
  while (length < one.length && one[length] === other[length]) length++;
  return one.slice(0, length);
}
