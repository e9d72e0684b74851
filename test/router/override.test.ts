import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Override, readOverride, routeModels } from '../../router/override.ts';
import { WireError } from '../../wire/error.ts';

type Asked = { readonly header?: string; readonly body?: string; readonly model?: string };

function read({ header, body, model = 'local-main' }: Asked): Override | undefined {
  return readOverride({
    caller: header === undefined ? {} : { routeOverride: header },
    request: { model, ...(body === undefined ? {} : { routeOverride: body }) },
    backends: ['mlx-lm', 'lmstudio', 'Odd'],
  });
}

const table: readonly (readonly [string, Asked, Override | undefined])[] = [
  ['nothing asks for nothing', {}, undefined],
  ['a header asks for a task', { header: 'edit' }, { route: 'edit' }],
  ['a header asks for a backend', { header: ' LMStudio ' }, { backend: 'lmstudio' }],
  ['a backend keeps the spelling of its configuration', { header: 'odd' }, { backend: 'Odd' }],
  ['a body key asks for a task', { body: 'analysis' }, { route: 'analysis' }],
  ['the header outranks the body', { header: 'edit', body: 'analysis' }, { route: 'edit' }],
  ['auto in the header takes back the body', { header: 'auto', body: 'analysis' }, undefined],
  [
    'the body outranks the model name',
    { body: 'edit', model: 'claude-anyclaude-analysis' },
    { route: 'edit' },
  ],
  ['the plain model name follows the mode', { model: 'claude-anyclaude' }, undefined],
  ['a model name asks for auto', { model: 'anyclaude-auto' }, undefined],
  ['a model name asks for a task', { model: 'claude-anyclaude-analysis' }, { route: 'analysis' }],
  ['a model name asks for a backend', { model: 'claude-anyclaude-mlx-lm' }, { backend: 'mlx-lm' }],
  ['the suffix for a long window does not matter', { model: 'claude-anyclaude-edit[1m]' }, { route: 'edit' }],
  ['another model name is free text', { model: 'claude-sonnet-5-5' }, undefined],
];

describe('an override', () => {
  for (const [name, asked, expected] of table) {
    it(`${name}`, () => assert.deepEqual(read(asked), expected));
  }

  for (const [asked, where] of [
    [{ header: 'lmstudo' }, 'header x-anyclaude-route'],
    [{ body: 'lmstudo' }, 'body key anyclaude_route'],
    [{ model: 'claude-anyclaude-lmstudo' }, 'model name'],
  ] as const) {
    it(`that means nothing in the ${where} is refused with what is allowed`, () => {
      assert.throws(
        () => read(asked),
        (error: unknown) => {
          assert.ok(error instanceof WireError);
          assert.equal(error.status, 400);
          assert.ok(error.message.includes(where));
          assert.match(error.message, /"lmstudo"; allowed are auto, analysis, edit, mlx-lm, lmstudio, Odd\./);
          return true;
        },
      );
    });
  }
});

describe('the model list', () => {
  it('has only ids that Claude Code keeps, and each is a valid override', () => {
    const ids = routeModels(['mlx-lm', 'lmstudio']).map(({ id }) => id);
    assert.deepEqual(ids, [
      'claude-anyclaude',
      'claude-anyclaude-analysis',
      'claude-anyclaude-edit',
      'claude-anyclaude-mlx-lm',
      'claude-anyclaude-lmstudio',
    ]);
    for (const id of ids) assert.doesNotThrow(() => read({ model: id }));
  });
});
