import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readCaller } from '../../wire/caller.ts';
import { parseRequest } from '../../wire/parse.ts';
import { Session } from '../fixture/session.ts';
import { subagentHeaders, subagentRequest } from '../fixture/side-requests.ts';

test('the hint headers say who asks, and for what', () => {
  const session = new Session();
  assert.deepEqual(readCaller(session.hintedHeaders(), parseRequest(session.body())), {
    sessionId: '00000000-0000-4000-8000-000000000001',
    promptId: '00000000-0000-4000-9000-000000000001',
    requestClass: 'main',
    project: '/home/dev/orchard',
    userAgent: 'claude-cli/2.1.330 (external, cli)',
  });
  assert.deepEqual(
    readCaller(subagentHeaders('a0000000000000001', 'hinted'), parseRequest(subagentRequest())),
    {
      sessionId: '00000000-0000-4000-8000-000000000001',
      agentId: 'a0000000000000001',
      agentType: 'Explore',
      requestClass: 'subagent',
      project: '/home/dev/orchard',
      userAgent: 'claude-cli/2.1.330 (external, cli)',
    },
  );
});

test('a stranger is nobody, not an empty string', () => {
  assert.deepEqual(readCaller({}), {});
  assert.deepEqual(readCaller({ 'user-agent': '  ', 'x-claude-code-session-id': '' }), {});
});

test('without the header the session is the one in the metadata', () => {
  const request = parseRequest(new Session({ sessionId: 's-2' }).body());
  assert.equal(readCaller({}, request).sessionId, 's-2');
  assert.equal(readCaller({ 'x-claude-code-session-id': 's-1' }, request).sessionId, 's-1');
});

test('the project is the working directory of either client version, unless a header names it', () => {
  for (const version of ['2.1.330', '2.1.197'] as const) {
    const session = new Session({ version, project: '/home/dev/Straße mit Leerzeichen' })
      .answer()
      .ask('More?')
      .answer();
    const request = parseRequest(session.ask('And more?').body());
    assert.equal(readCaller({}, request).project, '/home/dev/Straße mit Leerzeichen');
    assert.equal(readCaller({ 'x-anyclaude-project': 'mine' }, request).project, 'mine');
  }
});

test('a directory that somebody only talks about is no project', () => {
  const body = { model: 'm', messages: [{ role: 'user', content: 'Primary working directory: /etc' }] };
  assert.equal(readCaller({}, parseRequest(body)).project, undefined);
  const unfinished = { ...body, system: 'The working directory is secret.\nNothing more: really' };
  assert.equal(readCaller({}, parseRequest(unfinished)).project, undefined);
});

test('whatever is sent, values are short and printable', () => {
  const caller = readCaller({
    'x-claude-code-session-id': `a\u0000b\u001b[31m\u2028${'x'.repeat(5000)}`,
    'x-anyclaude-route': 'edit\n',
  });
  assert.equal(caller.sessionId?.length, 200);
  assert.ok(caller.sessionId?.startsWith('ab[31mxxx'));
  assert.equal(caller.routeOverride, 'edit');
});

test('a class of request that is not known is "other"; the first-party header only helps where it is plain', () => {
  const read = (hint: Record<string, string>) => readCaller(hint).requestClass;
  assert.equal(read({ 'x-claude-code-request-class': 'compaction' }), 'compaction');
  assert.equal(read({ 'x-claude-code-request-class': 'workflow' }), 'other');
  assert.equal(read({ 'x-claude-1p-request-class': 'blocking-subagent' }), 'subagent');
  assert.equal(read({ 'x-claude-1p-request-class': 'main' }), 'main');
  assert.equal(read({ 'x-claude-1p-request-class': 'summary-extraction' }), undefined);
});
