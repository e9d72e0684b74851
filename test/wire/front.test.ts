// A cut conversation reads, up to the cut, like the whole: the property that lets a prompt be computed in pieces.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseJson } from '../../wire/body.ts';
import { createTokenEstimator } from '../../wire/count.ts';
import { segments } from '../../wire/fingerprint.ts';
import type { ContentBlock } from '../../wire/frame.ts';
import { frontOf } from '../../wire/front.ts';
import type { Conversation, Message } from '../../wire/message.ts';
import { normalise, withAnswer } from '../../wire/normalise.ts';
import { projectFront } from '../../wire/opening.ts';
import { parseRequest } from '../../wire/parse.ts';
import { toChat } from '../../wire/to-chat.ts';
import { type RequestBody, Session } from '../fixture/session.ts';

const TAIL = '(tail)';

/** A session of answers, tool rounds and a plan, as Claude Code sends it. */
const SESSIONS: fc.Arbitrary<Session> = fc
  .array(fc.constantFrom('answer', 'tools', 'search', 'plan'), { minLength: 0, maxLength: 6 })
  .map((steps) => {
    const session = new Session();
    for (const step of steps) {
      if (step === 'answer') session.answer('It is “filled” at the 🪣 well.').ask('And then?');
      if (step === 'tools') session.useTools([{ name: 'Read', input: { file_path: 'a.ts', limit: 3 } }]);
      if (step === 'search') session.loadTools('WebFetch');
      if (step === 'plan') session.answer().ask('Plan it.').enterPlanMode();
    }
    return session;
  });

test('what is read up to the cut is what is read of the whole', () => {
  fc.assert(
    fc.property(SESSIONS, fc.double({ min: 0, max: 1, noNaN: true }), (session, share) => {
      const whole = conversationOf(session.body());
      const { tokens, sum } = tokensOf(whole);
      const text = rendered(whole);
      const front = frontOf(whole, { segmentTokens: tokens, tokens: share * sum, tail: TAIL });
      const shared = commonPrefix(rendered(front), text);
      assert.ok(shared >= 0.85 * share * text.length - 600, `${shared} of ${share * text.length}`);
    }),
    { numRuns: 60 },
  );
});

test('a later cut goes on where an earlier one ended', () => {
  fc.assert(
    fc.property(
      SESSIONS,
      fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 2 }),
      (session, shares) => {
        const whole = conversationOf(session.body());
        const { tokens, sum } = tokensOf(whole);
        const text = rendered(whole);
        const lengths = shares
          .toSorted((a, b) => a - b)
          .map((share) => {
            const front = frontOf(whole, { segmentTokens: tokens, tokens: share * sum, tail: TAIL });
            return commonPrefix(rendered(front), text);
          });
        // A cut at a border may share a few characters of the closing marks by chance.
        for (const [at, length] of lengths.entries()) assert.ok(length >= (lengths[at - 1] ?? 0) - 40);
      },
    ),
    { numRuns: 40 },
  );
});

test('every cut is a request of its own: it ends with a user, roles alternate, each call has its result', () => {
  fc.assert(
    fc.property(SESSIONS, fc.double({ min: 0, max: 1.2, noNaN: true }), (session, share) => {
      const whole = conversationOf(session.answer().body());
      const { tokens, sum } = tokensOf(whole);
      const { messages } = frontOf(whole, { segmentTokens: tokens, tokens: share * sum, tail: TAIL });
      assert.equal(messages.at(-1)?.role, 'user');
      for (const [at, { role }] of messages.entries())
        assert.equal(role, at % 2 === 0 ? 'user' : 'assistant');
      for (const [at, message] of messages.entries())
        assert.deepEqual(resultIds(messages[at + 1]), callIds(message));
    }),
    { numRuns: 60 },
  );
});

test('of a conversation whose answer is known the whole front is extended by the next request, byte for byte', () => {
  fc.assert(
    fc.property(SESSIONS, fc.lorem({ maxCount: 5 }), (session, said) => {
      const asked = conversationOf(session.body());
      const content: ContentBlock[] = [
        { type: 'thinking', thinking: 'Hm.', signature: 's' },
        { type: 'text', text: said },
      ];
      const kept = withAnswer(asked, content);
      assert.ok(kept);
      const { tokens, sum } = tokensOf(kept);
      const front = chatOf(frontOf(kept, { segmentTokens: tokens, tokens: sum, tail: TAIL }));
      const body = session.body();
      const messages = [
        ...body.messages,
        { role: 'assistant', content },
        { role: 'user', content: 'Go on.' },
      ];
      const next = chatOf(conversationOf({ ...body, messages } as RequestBody));
      assert.equal(JSON.stringify(front.tools), JSON.stringify(next.tools));
      const prefilled = front.messages.slice(0, -1);
      assert.equal(JSON.stringify(next.messages.slice(0, prefilled.length)), JSON.stringify(prefilled));
      assert.equal(front.messages.at(-1)?.content, TAIL);
      assert.equal(next.messages.length, prefilled.length + 1);
    }),
    { numRuns: 40 },
  );
});

test('an answer of thinking alone is not kept, for the next request will not hold it', () => {
  const asked = conversationOf(new Session().body());
  assert.equal(withAnswer(asked, [{ type: 'thinking', thinking: 'Hm.', signature: '' }]), undefined);
});

test('a call is cut inside its longest text, so that a large file that was written needs no step of its own', () => {
  const content = 'x'.repeat(10_000);
  const messages: Message[] = [
    { role: 'user', parts: [{ kind: 'text', text: 'Write it.' }] },
    {
      role: 'assistant',
      parts: [{ kind: 'tool-use', id: 'c', name: 'Write', input: { path: 'a', content } }],
    },
  ];
  const whole = { ...conversationOf(new Session().body()), system: '', tools: [], messages };
  const front = frontOf(whole, { segmentTokens: [0, 0, 10, 1000], tokens: 510, tail: TAIL });
  const call = front.messages[1]?.parts[0];
  assert.ok(call?.kind === 'tool-use' && typeof call.input['content'] === 'string');
  assert.equal(call.input['path'], 'a');
  assert.ok(Math.abs(call.input['content'].length - 5000) < 100);
});

test('the front of a project is what its next session begins with', () => {
  const first = new Session({ prompt: 'Fill the kettle.' }).answer();
  const front = chatOf(projectFront(conversationOf(first.body())));
  const second = new Session({
    prompt: 'Empty the well.',
    gitStatus: '?? well.ts',
    sessionId: 'other',
  }).body();
  const next = chatOf(conversationOf(second));
  assert.equal(JSON.stringify(front.tools), JSON.stringify(next.tools));
  const [system, opening] = front.messages;
  assert.deepEqual(next.messages[0], system);
  assert.ok(String(next.messages[1]?.content).startsWith(String(opening?.content)));
  assert.ok(!JSON.stringify(front).includes('Fill the kettle.'));
});

function conversationOf(body: RequestBody): Conversation {
  return normalise(parseRequest(parseJson(Buffer.from(JSON.stringify(body)))));
}

function chatOf(conversation: Conversation) {
  return toChat(conversation, { flattenSystemPrompt: 'keep', images: 'send', toolChoice: 'send' });
}

function tokensOf(conversation: Conversation) {
  const tokens = createTokenEstimator().estimateEach('m', segments(conversation));
  return { tokens, sum: tokens.reduce((sum, each) => sum + each, 0) };
}

/** As a ChatML template with tools in the system message writes it. */
function rendered(conversation: Conversation): string {
  const { messages, tools = [] } = chatOf(conversation);
  const [system, ...rest] = messages;
  const turns = rest.map((message) => {
    const calls = 'tool_calls' in message ? (message.tool_calls ?? []) : [];
    const called = calls.map(({ function: { name, arguments: input } }) => `<call>${name} ${input}`);
    return `<|${message.role}|>${message.content}${called.join('')}<|end|>`;
  });
  const shelf = tools.map((tool) => `${JSON.stringify(tool)}\n`);
  return `<|system|>${system?.content}<tools>${shelf.join('')}</tools><|end|>${turns.join('')}`;
}

function commonPrefix(one: string, other: string): number {
  let length = 0;
  while (length < one.length && one[length] === other[length]) length += 1;
  return length;
}

function callIds(message: Message | undefined): readonly string[] {
  if (message?.role !== 'assistant') return [];
  return message.parts.flatMap((part) => (part.kind === 'tool-use' ? [part.id] : [])).toSorted();
}

function resultIds(message: Message | undefined): readonly string[] {
  if (message?.role !== 'user') return [];
  return message.parts.flatMap((part) => (part.kind === 'tool-result' ? [part.toolUseId] : [])).toSorted();
}
