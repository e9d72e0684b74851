import assert from 'node:assert/strict';
import { test } from 'node:test';
import { errorBody, type Fault, faultReply, overflowMessage, type Phase } from '../../wire/error.ts';

const FAULTS: Readonly<Record<Fault, true>> = {
  connect: true,
  loading: true,
  dead: true,
  overflow: true,
  rejected: true,
  unauthorised: true,
  'rate-limited': true,
  overloaded: true,
  status: true,
  protocol: true,
  truncated: true,
  reset: true,
  empty: true,
  'bad-tool-call': true,
  stalled: true,
  'queue-full': true,
  draining: true,
  internal: true,
};
const PHASES: readonly Phase[] = ['queued', 'before-first-token', 'mid-stream'];
const faults = Object.keys(FAULTS) as Fault[];

test('no fault is told in a status whose text Claude Code hides', () => {
  for (const fault of faults) {
    for (const phase of PHASES) {
      const { status, type } = faultReply(fault, phase);
      assert.ok([400, 500, 502, 503, 504].includes(status), `${fault}: ${status}`);
      assert.ok(!['overloaded_error', 'authentication_error', 'not_found_error'].includes(type));
    }
  }
});

test('only what passes by itself is worth a retry, and only before content', () => {
  const retried = faults.filter((fault) => faultReply(fault, 'before-first-token').shouldRetry);
  assert.deepEqual(retried, ['loading', 'rate-limited', 'overloaded', 'queue-full', 'draining']);
  for (const fault of retried) assert.equal(faultReply(fault, 'queued').status, 503);
  for (const fault of faults) assert.equal(faultReply(fault, 'mid-stream').shouldRetry, false);
});

test('what is wrong with the request is a 400, what is wrong with a backend is not', () => {
  const refused = faults.filter((fault) => faultReply(fault, 'queued').status === 400);
  assert.deepEqual(refused, ['overflow', 'rejected']);
  for (const fault of refused) assert.equal(faultReply(fault, 'mid-stream').type, 'invalid_request_error');
});

test('an overflow is worded so that Claude Code compacts', () => {
  assert.equal(overflowMessage(9021, 8192), 'prompt is too long: 9021 tokens > 8192 maximum');
});

test('the error body has the shape of the Messages API', () => {
  assert.deepEqual(errorBody('api_error', 'Why.', 'req_1'), {
    type: 'error',
    error: { type: 'api_error', message: 'Why.' },
    request_id: 'req_1',
  });
});
