import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { earlierTurn, readTurn, type TurnEvidence } from '../../router/turn.ts';
import type { Caller } from '../../wire/caller.ts';
import { parseRequest } from '../../wire/parse.ts';
import { type MessageBody, type RequestBody, Session } from '../fixture/session.ts';
import { subagentRequest } from '../fixture/side-requests.ts';

const read = (body: RequestBody, caller: Caller = {}): TurnEvidence => readTurn(parseRequest(body), caller);
const readMessages = (...messages: MessageBody[]): TurnEvidence => read({ model: 'local-main', messages });
const user = (content: MessageBody['content']): MessageBody => ({ role: 'user', content });
const assistant = (content: MessageBody['content']): MessageBody => ({ role: 'assistant', content });
const toolUse = (id: string, name: string) => ({ type: 'tool_use', id, name, input: {} });
const toolResult = (id: string, more: Record<string, unknown>) => ({
  type: 'tool_result',
  tool_use_id: id,
  ...more,
});

const image = { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'AA==' } };

describe('a turn of very many blocks', () => {
  it('is read, however many there are', () => {
    const reminder = { type: 'text', text: '<system-reminder>Plan mode is active</system-reminder>' };
    const { planMode, promptText } = readMessages(user(Array<typeof reminder>(300_000).fill(reminder)));
    assert.deepEqual([planMode, promptText], [true, undefined]);
  });
});

describe('the prompt of a turn', () => {
  it('is the last text that a person wrote', () => {
    const body = new Session({ prompt: 'First.' }).answer().ask('Fix the spout.').body();
    assert.match(read(body).promptText ?? '', /^Fix the spout\./);
  });

  it('stays the same while tools run and reminders come in', () => {
    const session = new Session({ prompt: 'Fix the spout.' });
    const before = read(session.body());
    session.useTools([{ name: 'Read', input: {} }]).remind('Mind the tasks.');
    const after = read(session.body());
    assert.equal(after.promptText, before.promptText);
    assert.equal(after.turnId, before.turnId);
  });

  it('is the last of two where a failed prompt shares its message', () => {
    const body = new Session({ prompt: 'First.' }).ask('Second.').body();
    assert.match(read(body).promptText ?? '', /^Second\./);
  });

  it('is not replaced by the end of a background task', () => {
    const session = new Session({ prompt: 'Fix the spout.' }).answer();
    const before = read(session.body());
    const after = read(session.notify().body());
    assert.equal(after.promptText, before.promptText);
    assert.equal(after.turnId, before.turnId);
  });

  for (const noise of [
    '<task-notification>done</task-notification>',
    '<command-name>/context</command-name>',
    '<local-command-stdout>tokens</local-command-stdout>',
    '<bash-input>ls</bash-input>',
    '[Request interrupted by user]',
    'This session is being continued from a previous conversation that ran out.',
    'Output token limit hit. Go on.',
    '<system-reminder>half a reminder',
    '   ',
  ]) {
    it(`is not ${JSON.stringify(noise)}`, () => {
      assert.equal(
        readMessages(user('Fix the spout.'), assistant('Done.'), user(noise)).promptText,
        'Fix the spout.',
      );
    });
  }

  it('is read around a reminder and an editor note in the same text', () => {
    const text = '<ide_opened_file>a.ts</ide_opened_file>Fix <system-reminder>x</system-reminder>it';
    assert.equal(readMessages(user(text)).promptText, 'Fix it');
  });

  it('is cut at 2,000 characters', () => {
    assert.equal(readMessages(user('x'.repeat(5000))).promptText?.length, 2000);
    const withReminder = `<system-reminder>y</system-reminder>${'x'.repeat(5000)}<system-reminder>z</system-reminder>`;
    assert.equal(readMessages(user(withReminder)).promptText?.length, 2000);
  });

  it('is absent where nobody has written one', () => {
    assert.equal('promptText' in readMessages(user([toolResult('t', { content: 'x' })])), false);
  });
});

describe('the tools of a turn', () => {
  it('are those since the prompt, with their results', () => {
    const turn = readMessages(
      user('First.'),
      assistant([toolUse('old', 'Edit')]),
      user([toolResult('old', { content: 'ok' })]),
      user('Second.'),
      assistant([toolUse('a', 'Read'), toolUse('b', 'Edit'), toolUse('c', 'Edit'), toolUse('d', 'Write')]),
      user([
        toolResult('d', { is_error: true, content: "The user doesn't want to proceed with this tool use." }),
        toolResult('b', {
          content: [{ type: 'text', text: '<tool_use_error>no such text</tool_use_error>' }],
        }),
        toolResult('a', { content: 'lines' }),
      ]),
    );
    assert.deepEqual(turn.toolRuns, [
      { id: 'a', name: 'Read', result: 'ok' },
      { id: 'b', name: 'Edit', result: 'failed' },
      { id: 'c', name: 'Edit' },
      { id: 'd', name: 'Write', result: 'declined' },
    ]);
  });

  it('read a result of any shape', () => {
    for (const content of [undefined, [], [image], 'x']) {
      const turn = readMessages(
        user('Go.'),
        assistant([toolUse('a', 'Edit')]),
        user([toolResult('a', { is_error: true, ...(content === undefined ? {} : { content }) })]),
      );
      assert.equal(turn.toolRuns[0]?.result, 'failed');
    }
  });

  it('say that a loop runs exactly while the last message brings results', () => {
    const session = new Session({ prompt: 'Go.' });
    assert.equal(read(session.body()).insideToolLoop, false);
    assert.equal(read(session.useTools([{ name: 'Bash', input: {} }]).body()).insideToolLoop, true);
    assert.equal(read(session.remind('Mind the tasks.').body()).insideToolLoop, true);
    assert.equal(read(session.ask('Stop, do something else.').body()).insideToolLoop, false);
  });

  it('keep the last 200 calls and the last 20 earlier turns', () => {
    const turns = Array.from({ length: 30 }, (_, at) => [user(`Prompt ${at}.`), assistant('Yes.')]).flat();
    const calls = Array.from({ length: 300 }, (_, at) => assistant([toolUse(`t${at}`, 'Bash')]));
    const turn = readMessages(...turns, user('Now.'), ...calls);
    assert.equal(turn.toolRuns.length, 200);
    assert.equal(turn.toolRuns.at(-1)?.id, 't299');
    assert.equal(turn.earlierTurns.length, 20);
  });
});

describe('what came before a turn', () => {
  it('tells which prompts led to an edit', () => {
    const session = new Session({ prompt: 'What is it?' }).answer().ask('Fix it.');
    session
      .useTools([{ name: 'Read', input: {} }])
      .useTools([{ name: 'Write', input: {} }])
      .answer();
    assert.deepEqual(read(session.ask('Thanks.').body()).earlierTurns, [
      { edited: false, toolCalls: 0, tools: [], failedCalls: 0 },
      { edited: true, toolCalls: 2, tools: ['Read', 'Write'], failedCalls: 0 },
    ]);
  });
});

describe('a turn that is over', () => {
  it('names each tool once, in the order of their last use, and counts what did not succeed', () => {
    const runs = [
      { id: '1', name: 'Read', result: 'ok' },
      { id: '2', name: 'Bash', result: 'failed' },
      { id: '3', name: 'Read', result: 'declined' },
      { id: '4', name: 'Grep' },
    ] as const;
    assert.deepEqual(earlierTurn(runs), {
      edited: false,
      toolCalls: 4,
      tools: ['Bash', 'Read', 'Grep'],
      failedCalls: 2,
    });
  });

  it('names the last 8 tools of many', () => {
    const runs = Array.from({ length: 12 }, (_, at) => ({ id: `${at}`, name: `tool${at}` }));
    const { tools = [] } = earlierTurn(runs);
    assert.deepEqual([tools.length, tools[0], tools.at(-1)], [8, 'tool4', 'tool11']);
  });
});

describe('plan mode', () => {
  it('is on from its announcement to its end', () => {
    const session = new Session({ prompt: 'Plan it.' });
    assert.equal(read(session.body()).planMode, false);
    assert.equal(read(session.enterPlanMode().body()).planMode, true);
    assert.equal(read(session.answer().ask('Go on.').body()).planMode, true);
    assert.equal(read(session.leavePlanMode().body()).planMode, false);
    assert.equal(read(session.answer().enterPlanMode().body()).planMode, true);
  });

  it('is announced in reminders by older clients', () => {
    const text = '<system-reminder>Plan mode is active.</system-reminder>';
    assert.equal(readMessages(user([{ type: 'text', text }, image])).planMode, true);
  });

  it('is not switched on by a person who writes about it', () => {
    assert.equal(readMessages(user('Why does it say "Plan mode is active"?')).planMode, false);
  });
});

describe('the name of a turn', () => {
  it('is the prompt id where the client sends one', () => {
    assert.equal(read(new Session().body(), { promptId: 'p-1' }).turnId, 'p-1');
  });

  it('tells two equal prompts of one session apart', () => {
    const session = new Session({ prompt: 'Go.' }).answer().ask('yes');
    const first = readMessages(user('Go.'), assistant('?'), user('yes')).turnId;
    const second = readMessages(user('Go.'), assistant('?'), user('yes'), assistant('?'), user('yes')).turnId;
    assert.notEqual(first, second);
    assert.equal(read(session.body()).turnId, read(session.body()).turnId);
  });

  it('differs between sessions and between agents', () => {
    const body = new Session().body();
    const names = [{ sessionId: 's1' }, { sessionId: 's2' }, { sessionId: 's1', agentId: 'a' }];
    assert.equal(new Set(names.map((caller) => read(body, caller).turnId)).size, 3);
  });

  it('takes the session from the metadata where the header is missing', () => {
    assert.equal(read(new Session().body()).sessionId, new Session().options.sessionId);
    assert.equal('sessionId' in readMessages(user('Go.')), false);
  });
});

describe('the type of a subagent', () => {
  const planner = {
    ...subagentRequest(),
    system: [{ type: 'text', text: 'You are a planning specialist.' }],
  };
  it('is what the header says, else what its system prompt says', () => {
    assert.equal(read(subagentRequest(), { agentType: 'general-purpose' }).agentType, 'general-purpose');
    assert.equal(read(subagentRequest()).agentType, 'Explore');
    assert.equal(read(planner).agentType, 'Plan');
    assert.equal(read(subagentRequest({ agentType: 'general-purpose' })).agentType, undefined);
  });
});

describe('reading a turn', () => {
  it('says that a compaction is one', () => {
    assert.equal(read(new Session().answer().compactBody()).compaction, true);
    assert.equal(read(new Session().body()).compaction, false);
  });
});
