import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import { Deadline } from '../../backend/deadline.ts';
import { never } from './setup.ts';

const expired = (budgetMs: number): Error => new Error(`silent for ${budgetMs}`);

test('silence is counted from the last sign of life, and only while it is waited for', (t) => {
  mock.timers.enable({ apis: ['setTimeout'] });
  t.after(() => mock.timers.reset());
  const deadline = new Deadline(never(), expired);
  deadline.wait(100);
  mock.timers.tick(90);
  deadline.wait(100);
  mock.timers.tick(90);
  assert.equal(deadline.signal.aborted, false, 'a sign of life begins the budget anew');
  deadline.rest();
  mock.timers.tick(1_000);
  assert.equal(deadline.signal.aborted, false, 'a client that is slow to read is no fault of the backend');
  deadline.wait(100);
  mock.timers.tick(100);
  assert.equal(deadline.signal.reason.message, 'silent for 100');
});

test('another budget replaces the one before', (t) => {
  mock.timers.enable({ apis: ['setTimeout'] });
  t.after(() => mock.timers.reset());
  const deadline = new Deadline(never(), expired);
  deadline.wait(100);
  deadline.wait(1_000);
  mock.timers.tick(999);
  assert.equal(deadline.signal.aborted, false);
  mock.timers.tick(1);
  assert.equal(deadline.signal.reason.message, 'silent for 1000');
});

test('the reason of the caller is passed on, and after the end nothing aborts', (t) => {
  mock.timers.enable({ apis: ['setTimeout'] });
  t.after(() => mock.timers.reset());
  const reason = new Error('the client has left');
  const caller = new AbortController();
  const left = new Deadline(caller.signal, expired);
  const ended = new Deadline(caller.signal, expired);
  ended.wait(10);
  ended.end();
  caller.abort(reason);
  mock.timers.tick(20);
  assert.equal(left.signal.reason, reason);
  assert.equal(ended.signal.aborted, false);
  assert.equal(new Deadline(caller.signal, expired).signal.reason, reason);
});
