// The guardian before the real mlx_lm.server: a session that goes on is found again to the last turn, and what breaks is
// named, counted by the server itself, and timed.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { openStage, type Stage } from '../daemon/guardian-stage.ts';
import type { RequestBody } from '../fixture/body.ts';
import { reminder, text } from '../fixture/body.ts';
import { namedTool } from '../fixture/tools.ts';
import { filler, say } from './ask.ts';
import { type Engine, startLlama, startMlx, whyNot } from './engines.ts';

const noMlx = (await whyNot('mlx', console.error)) ?? false;
const noLlama = (await whyNot('llama', console.error)) ?? false;

describe('the guardian before mlx_lm.server', { skip: noMlx }, () => {
  let engine: Engine;
  before(async () => {
    engine = await startMlx({ prefillTps: 4000 });
  });
  after(() => engine.stop());

  it('lets a growing tool list, background events, reminders and another billing block pass, and names the rest', async (t) => {
    const stage = await openStage(t, engine.url);
    const day = createDay();
    const ask = () => stage.send(day.body(), day.headers);
    await ask();
    day.nonce = '9c4';
    day.say('Sure.', [text('And the well?'), text(reminder('Mind the list.'))]);
    await ask();
    day.load('WebFetch');
    await ask();
    day.say('Fetched.', [text(reminder('[SYSTEM NOTIFICATION - NOT USER INPUT]\n<task-notification/>'))]);
    await ask();
    day.tools = [...day.tools, namedTool('mcp__orchard__water')];
    day.say('Done.', [text('Water them.')]);
    await ask();
    day.say('Watered.', [text('Thank you.')]);
    await ask();
    await engine.stop();
    engine = await startMlx({ prefillTps: 4000, port: engine.port });
    day.say('Welcome.', [text('Are you there?')]);
    await notDown(stage);
    await ask();
    const rows = await stage.rows();
    assert.deepEqual(
      rows.map(({ break_cause: cause }) => cause),
      [null, null, null, null, 'tools-added', null, 'server-lost'],
    );
    for (const at of [1, 2, 3, 5]) {
      const [row, earlier] = [rows[at], rows[at - 1]];
      // All of the earlier prompt but the header of the answer that it asked for.
      const found = row?.cached_tokens ?? 0;
      assert.ok(
        found >= 0.97 * (earlier?.prompt_tokens ?? Number.NaN),
        `request ${at}: ${found} tokens found`,
      );
      assert.ok((row?.saved_high_seconds ?? 1) > 0);
    }
    const [broken, lost] = [rows[4], rows[6]];
    assert.equal(broken?.break_detail, 'tool list: +1 tool mcp__orchard__water');
    assert.ok((broken?.break_tokens ?? 0) > 300, `${broken?.break_tokens} tokens of the history`);
    assert.equal(broken?.break_seconds_basis, 'measured');
    assert.match(
      lost?.break_detail ?? '',
      /^0 of \d+ tokens were found again: (restarted, it seems|the server was away)/,
    );
    assert.ok((lost?.break_seconds ?? 0) > 0.1, `${lost?.break_seconds} s`);
    assert.match(rows[0]?.server_version ?? '', /^\d+\.\d+\.\d+$/);
  });
});

describe('the guardian before llama.cpp', { skip: noLlama }, () => {
  it('names a changed system text, an eviction and a restart, each with its tokens and seconds', async (t) => {
    // One slot, and nothing kept of what has lost it.
    let engine = await startLlama({ parallel: 1, cacheRam: 0 });
    t.after(() => engine.stop());
    const stage = await openStage(t, engine.url, { mode: 'lmstudio' });
    const [one, two] = [createTalk('one'), createTalk('two')];
    for (let turn = 0; turn < 3; turn += 1) await one.ask(stage);
    one.system = `Be short. ${one.system}`;
    await one.ask(stage);
    await two.ask(stage);
    await one.ask(stage);
    await engine.stop();
    engine = await startLlama({ parallel: 1, cacheRam: 0, port: engine.port });
    await notDown(stage);
    await one.ask(stage);
    const rows = await stage.rows();
    assert.deepEqual(
      rows.map(({ break_cause: cause }) => cause),
      [null, null, null, 'system-changed', null, 'server-lost', 'server-lost'],
    );
    const found = rows[1]?.cached_tokens ?? 0;
    assert.ok(found >= 0.97 * (rows[0]?.prompt_tokens ?? Number.NaN), `${found} tokens found`);
    const [, , , changed, , evicted, restarted] = rows;
    assert.match(changed?.break_detail ?? '', /^system text: 10 characters changed at 0 of /);
    assert.match(evicted?.break_detail ?? '', /evicted, it seems: another conversation came in between$/);
    assert.match(restarted?.break_detail ?? '', /(restarted, it seems|the server was away)/);
    for (const row of [changed, evicted, restarted]) {
      assert.ok((row?.break_tokens ?? 0) > 500, `${row?.break_tokens} tokens`);
      assert.ok((row?.break_seconds ?? 0) > 0.1, `${row?.break_seconds} s`);
      assert.equal(row?.break_seconds_basis, 'measured');
    }
  });
});

/** A session with a system text of its own and no tools: the small model would call them. */
function createTalk(name: string) {
  const messages: RequestBody['messages'] = [];
  const talk = {
    system: `You are ${name}. ${filler(70, name)}`,
    async ask(stage: Stage) {
      messages.push({ role: 'user', content: [text('Say a word.')] });
      const headers = { 'content-type': 'application/json', 'x-claude-code-session-id': name };
      const system = [text(talk.system)];
      const sizes = { max_tokens: 4, temperature: 0, stream: true };
      await stage.send({ model: 'local-main', system, tools: [], messages, ...sizes }, headers);
      messages.push({ role: 'assistant', content: [text('Well.')] });
    },
  };
  return talk;
}

/** A probe may have found the server gone, and it is not asked anew within the same second. */
async function notDown(stage: Stage): Promise<void> {
  for (let waited = 0; waited < 300; waited += 1) {
    const { backends } = await stage.status();
    if (backends.every(({ state }) => state !== 'down')) return;
    await sleep(100);
  }
  throw new Error('the daemon did not find the server again within thirty seconds');
}

/** A small session in the client's shapes; the model says what its prompt dictates. */
function createDay() {
  const answers = say(...Array.from({ length: 8 }, (_, at) => `Answer ${at}.`));
  const messages: RequestBody['messages'] = [
    {
      role: 'user',
      content: [text(reminder(`# claudeMd\n${filler(60, 'rules')}`)), text(`Fill it. ${answers}`)],
    },
    { role: 'system', content: `# Environment\n${filler(40, 'skills')}` },
  ];
  const day = {
    nonce: 'a1f',
    tools: [namedTool('Bash'), namedTool('Read')],
    headers: { 'content-type': 'application/json', 'x-claude-code-session-id': 'day-1' },
    say(answer: string, next: ReturnType<typeof text>[]) {
      messages.push({ role: 'assistant', content: [text(answer)] }, { role: 'user', content: next });
    },
    /** By tool search: a reference in a result, and the tool in the next request, sorted in by name. */
    load(name: string) {
      const input = { query: name };
      messages.push(
        {
          role: 'assistant',
          content: [{ type: 'tool_use', id: `toolu_${name}`, name: 'ToolSearch', input }],
        },
        {
          role: 'user',
          content: [
            {
              type: 'tool_result',
              tool_use_id: `toolu_${name}`,
              content: [{ type: 'tool_reference', tool_name: name }],
            },
          ],
        },
      );
      day.tools = [{ ...namedTool(name), defer_loading: true }, ...day.tools];
    },
    body(): RequestBody {
      const billing = `x-anthropic-billing-header: cc_version=2.1.330.${day.nonce}; cc_entrypoint=cli;`;
      return {
        model: 'local-main',
        system: [text(billing), text(filler(40, 'guide'))],
        tools: day.tools,
        messages,
        max_tokens: 12,
        temperature: 0,
        stream: true,
      };
    },
  };
  return day;
}
