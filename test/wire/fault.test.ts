import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Fault } from '../../wire/error.ts';
import { faultOfErrorBody } from '../../wire/fault.ts';

const openai = (message: string, rest: Record<string, unknown> = {}): unknown => ({
  error: { message, ...rest },
});

test('an overflow is recognised in the words of every server, with both figures where they are told', () => {
  const told: readonly (readonly [string, unknown, number, number])[] = [
    [
      'llama.cpp',
      openai('too long', { type: 'exceed_context_size_error', n_prompt_tokens: 9021, n_ctx: 8192 }),
      9021,
      8192,
    ],
    [
      'llama.cpp words',
      openai('request (9021 tokens) exceeds the available context size (8192 tokens), try increasing it'),
      9021,
      8192,
    ],
    [
      'LM Studio',
      {
        error:
          'Input does not fit in context length. The input has 31,430 tokens, but the context length is 8,192 tokens.',
      },
      31430,
      8192,
    ],
    [
      'LM Studio GGUF',
      openai(
        'Trying to keep the first 9000 tokens when context the overflows. However, the model is loaded with context length of only 4096 tokens, which is not enough.',
      ),
      9000,
      4096,
    ],
    [
      'OpenAI',
      openai(
        "This model's maximum context length is 8192 tokens. However, you requested 10000 tokens (9000 in the messages, 1000 in the completion).",
      ),
      9000,
      8192,
    ],
    [
      'OpenAI messages',
      openai(
        "This model's maximum context length is 8192 tokens. However, your messages resulted in 9000 tokens.",
      ),
      9000,
      8192,
    ],
    [
      'vLLM',
      openai(
        "This model's maximum context length is 4096 tokens. However, your request has 5000 input tokens.",
      ),
      5000,
      4096,
    ],
    [
      'vLLM newer',
      openai(
        "This model's maximum context length is 4096 tokens. However, you requested 512 output tokens and your prompt contains at least 3585 input tokens.",
      ),
      3585,
      4096,
    ],
    [
      'vLLM older',
      {
        object: 'error',
        message: 'The decoder prompt (length 5000) is longer than the maximum model length of 4096.',
      },
      5000,
      4096,
    ],
    [
      'Claude',
      {
        type: 'error',
        error: {
          type: 'invalid_request_error',
          message: 'prompt is too long: 210000 tokens > 200000 maximum',
        },
      },
      210000,
      200000,
    ],
  ];
  for (const [server, body, promptTokens, windowTokens] of told) {
    for (const form of [body, JSON.stringify(body)]) {
      const report = faultOfErrorBody(400, form);
      assert.equal(report.fault, 'overflow', server);
      assert.deepEqual(report.overflow, { promptTokens, windowTokens }, server);
    }
  }
});

test('an overflow without figures has none', () => {
  for (const body of [
    openai('Input does not fit in context length. The input has 31430 tokens, ...'),
    openai('whatever', { code: 'context_length_exceeded' }),
  ]) {
    const report = faultOfErrorBody(undefined, body);
    assert.equal(report.fault, 'overflow');
    assert.ok(!('overflow' in report));
  }
});

test('every other error is told by its words first and by its status second', () => {
  const cases: readonly (readonly [number | undefined, unknown, Fault])[] = [
    [404, { error: 'generation thread died' }, 'dead'],
    [404, { error: "Only 'text' content type is supported." }, 'rejected'],
    [404, 'Not Found', 'protocol'],
    [404, { type: 'error', error: { type: 'not_found_error', message: 'model: x' } }, 'rejected'],
    [400, { error: 'Request should be a JSON dictionary' }, 'rejected'],
    [400, openai('No models loaded. Please load a model', { type: 'invalid_request_error' }), 'loading'],
    [503, openai('Loading model', { type: 'unavailable_error', code: 503 }), 'loading'],
    [503, 'busy', 'overloaded'],
    [529, { type: 'error', error: { type: 'overloaded_error', message: 'Overloaded' } }, 'overloaded'],
    [429, {}, 'rate-limited'],
    [401, '', 'unauthorised'],
    [403, undefined, 'unauthorised'],
    [408, '', 'status'],
    [500, openai('The model has crashed without additional information. (Exit code: 6)'), 'dead'],
    [500, openai('Engine protocol predict request returned 400: failed to parse grammar'), 'rejected'],
    [500, { detail: 'Internal Server Error' }, 'status'],
    [502, '<!DOCTYPE html><html><body>secret page</body></html>', 'protocol'],
    [200, { error: 'Unexpected endpoint or method. (POST /v1/nope)' }, 'protocol'],
    [200, { id: 'x', choices: [] }, 'protocol'],
    [302, '', 'protocol'],
    [undefined, { error: { type: 'rate_limit_error', message: 'slow down' } }, 'rate-limited'],
    [undefined, { error: { type: 'invalid_request_error', message: 'no' } }, 'rejected'],
    [undefined, { error: { code: 500, message: 'x' } }, 'status'],
    [undefined, 7, 'status'],
  ];
  for (const [status, body, fault] of cases) {
    assert.equal(faultOfErrorBody(status, body).fault, fault, `${status} ${JSON.stringify(body)}`);
  }
});

test('the message is one bounded line, and never a web page', () => {
  assert.equal(faultOfErrorBody(500, { error: 'one\n  two' }).message, 'one two');
  assert.equal(faultOfErrorBody(500, '{"detail": "three"}').message, 'three');
  assert.ok(faultOfErrorBody(500, 'x'.repeat(10_000)).message.length < 600);
  assert.ok(!faultOfErrorBody(502, '<html>secret</html>').message.includes('secret'));
  for (const status of [500, undefined]) assert.match(faultOfErrorBody(status, {}).message, /^It .*\.$/);
});
