// The real Claude Code, print mode, through the real daemon. The models are scripted; everything else is not.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { cutAt, type FakeChat, type Reply, type Seen } from '../fake/chat.ts';
import type { ClaudeRun } from './claude-code.ts';
import { claudeCodeOr } from './install.ts';
import { type Answer, openStage, type Stage } from './stage.ts';

const FILES = {
  'package.json': '{ "name": "kettle", "version": "0.1.0", "type": "module" }\n',
  'src/money.js': 'export function round2(n) {\n  return Math.floor(n * 100) / 100;\n}\n',
  'README.md': '# Kettle\n\nPlain ES modules, no dependencies.\n',
};
const FLOORED = 'return Math.floor(n * 100) / 100;';
const ROUNDED = 'return Math.round(n * 100) / 100;';
/** Marks the client's order to sum a conversation up. */
const SUMMARY_ORDER = 'create a detailed summary';
const SUMMARY = 'Two files were looked at.';
const THIRD = 'What is the third thing here?';

const says =
  (words: string): Answer =>
  (_request, backend) =>
    backend.says(words);
const notToBeAsked = says('This backend was not to be asked.');
/** Headers and the first word of a prefill, then a reset. */
const dies: Answer = (_request, backend) =>
  cutAt(backend.says('Never said.'), ': keepalive 1/39\n\n'.length, 'reset');

function story(
  name: string,
  answers: { analysis: Answer; edit: Answer },
  tell: (stage: Stage) => Promise<void>,
) {
  test(name, { timeout: 300_000 }, async (t) => {
    const client = await claudeCodeOr((why) => t.skip(why));
    if (client === undefined) return;
    t.diagnostic(`Claude Code ${client.version}`);
    const after = (end: () => Promise<unknown>) => t.after(end);
    await tell(await openStage({ binary: client.binary, files: FILES, ...answers, after }));
  });
}

story(
  'Claude Code asks a question and reads the answer of mlx-lm',
  { analysis: says('It rounds down to cents.'), edit: notToBeAsked },
  async (stage) => {
    const run = await stage.prompt('What does round2 in src/money.js do?');

    assertAnswered(run, 'It rounds down to cents.');
    assert.deepEqual([stage.mlxLm.posts.length, stage.lmstudio.posts.length], [1, 0]);
    const [row, ...others] = (await stage.rows()).filter(({ backend }) => backend !== 'daemon');
    assert.deepEqual(others, []);
    assert.deepEqual(
      [row?.kind, row?.task, row?.backend, row?.result],
      ['main', 'analysis', 'mlx-lm', 'completed'],
    );
  },
);

story(
  'Claude Code edits a file by Read and Edit on lmstudio, and the file on disk is changed',
  { analysis: notToBeAsked, edit: editLoop },
  async (stage) => {
    const run = await stage.prompt('Fix round2 in src/money.js: it has to round, not to floor.');

    assertAnswered(run, 'round2 rounds now.');
    assert.deepEqual(toolNames(run), ['Read', 'Edit']);
    assert.equal(
      await readFile(join(stage.project, 'src/money.js'), 'utf8'),
      FILES['src/money.js'].replace(FLOORED, ROUNDED),
    );
    assert.deepEqual([stage.mlxLm.posts.length, stage.lmstudio.posts.length], [0, 3]);
    const routed = (await stage.rows()).filter(({ backend }) => backend !== 'daemon');
    assert.deepEqual(
      routed.map(({ task, backend, result }) => [task, backend, result]),
      [
        ['edit', 'lmstudio', 'completed'],
        ['edit', 'lmstudio', 'completed'],
        ['edit', 'lmstudio', 'completed'],
      ],
    );
  },
);

story(
  'a backend that dies before its first token is not noticed by Claude Code',
  { analysis: dies, edit: says('The other backend answers.') },
  async (stage) => {
    const run = await stage.prompt('Where are cents rounded?');

    assertAnswered(run, 'The other backend answers.');
    assert.deepEqual(
      run.events.filter(({ subtype }) => subtype === 'api_retry'),
      [],
    );
    assert.deepEqual([stage.mlxLm.posts.length, stage.lmstudio.posts.length], [1, 1]);
    const [row] = (await stage.rows()).filter(({ backend }) => backend !== 'daemon');
    assert.deepEqual([row?.backend, row?.result, row?.attempts], ['lmstudio', 'completed', 1]);
  },
);

story(
  "a context overflow in the backends' own words makes Claude Code compact and go on",
  { analysis: overflowsOnThird, edit: overflowsOnThird },
  async (stage) => {
    assertAnswered(await stage.prompt('What is in package.json?'), 'One turn.');
    assertAnswered(await stage.prompt('What is in README.md?', '--continue'), 'One turn.');
    const run = await stage.prompt(THIRD, '--continue');

    assertAnswered(run, 'The third answer.');
    assert.equal(run.events.filter(({ subtype }) => subtype === 'compact_boundary').length, 1);
    const routed = (await stage.rows()).filter(({ backend }) => backend !== 'daemon');
    const overflowed = routed.findIndex(({ fault }) => fault === 'overflow');
    assert.equal(routed[overflowed]?.http_status, 400);
    assert.deepEqual(
      routed.slice(overflowed + 1).map(({ kind, result }) => [kind, result]),
      [
        ['compact', 'completed'],
        ['main', 'completed'],
      ],
    );
  },
);

story(
  'the next prompt of a session extends the chat request before it byte for byte',
  { analysis: says('So it is.'), edit: notToBeAsked },
  async (stage) => {
    await stage.prompt('What is in package.json?');
    await stage.prompt('Why is there no dependency?', '--continue');

    const [first, second, ...others] = stage.mlxLm.posts;
    assert.ok(first && second && others.length === 0);
    for (const { body, json } of [first, second]) assert.equal(JSON.stringify(json), body.toString());
    assert.equal(JSON.stringify(second.json['tools']), JSON.stringify(first.json['tools']));
    const beginning = JSON.stringify(first.json['messages']).slice(0, -1);
    const extended = JSON.stringify(second.json['messages']);
    assert.ok(extended.startsWith(`${beginning},{"role":"assistant"`), differenceOf(beginning, extended));
  },
);

function editLoop(request: Seen, backend: FakeChat): Reply {
  const path = /Primary working directory: (\/[^\\\s"]+)/.exec(request.body.toString())?.[1];
  const file_path = `${path}/src/money.js`;
  const calls = (name: string, input: object): Reply =>
    backend.says({ calls: [{ id: `call_of_${name}`, name, arguments: JSON.stringify(input) }] });
  switch (toolResults(request)) {
    case 0:
      return calls('Read', { file_path });
    case 1:
      return calls('Edit', { file_path, old_string: FLOORED, new_string: ROUNDED });
    default:
      return backend.says('round2 rounds now.');
  }
}

function overflowsOnThird(request: Seen, backend: FakeChat): Reply {
  const all = request.body.toString();
  const last = JSON.stringify(messagesOf(request).at(-1));
  if (last.includes(SUMMARY_ORDER)) return backend.says(`<summary>${SUMMARY}</summary>`);
  if (!all.includes(THIRD)) return backend.says('One turn.');
  return all.includes(SUMMARY) ? backend.says('The third answer.') : backend.overflow;
}

type Message = { readonly role: string };

function messagesOf({ json }: Seen): readonly Message[] {
  return json['messages'] as readonly Message[];
}

/** How many tool results have come since the person last spoke: where the scripted tool loop stands. */
function toolResults(request: Seen): number {
  const messages = messagesOf(request);
  const prompt = messages.findLastIndex(({ role }) => role === 'user');
  return messages.slice(prompt + 1).filter(({ role }) => role === 'tool').length;
}

function assertAnswered(run: ClaudeRun, answer: string): void {
  assert.equal(run.result, answer, run.stderr);
  assert.deepEqual([run.isError, run.exitCode], [false, 0], run.stderr);
}

/** The tools that the client was seen to run, in their order. */
function toolNames({ events }: ClaudeRun): readonly unknown[] {
  return events.flatMap(({ type, message }) => {
    if (type !== 'assistant') return [];
    const { content } = message as { content: readonly { type: string; name?: string }[] };
    return content.flatMap((block) => (block.type === 'tool_use' ? [block.name] : []));
  });
}

function differenceOf(before: string, after: string): string {
  const at = [...before].findIndex((character, index) => after[index] !== character);
  const around = (whole: string) => whole.slice(Math.max(0, at - 60), at + 60);
  return `They part at character ${at}: …${around(before)}… became …${around(after)}…`;
}
