import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { after, before, test } from 'node:test';
import request from 'supertest';
import { ask, type Harness, post, startHarness } from './harness.ts';

let h: Harness;
before(async () => {
  h = await startHarness();
});
after(() => h.close());

const nothingWasSent = () => assert.equal(h.mlx.asked.length + h.lmstudio.asked.length, 0);
type ErrorReply = { type: string; error: { type: string; message: string }; request_id: string };

const BAD_BODIES: readonly (readonly [name: string, body: string, says: RegExp])[] = [
  ['malformed JSON', '{"model": "x", ', /JSON/],
  ['an empty body', '', /empty|JSON/i],
  ['a list', '[]', /object/],
  ['100,000 nested lists', '['.repeat(100_000), /nest|deep/i],
  [
    '100,000-deep content',
    `{"model":"m","messages":[{"role":"user","content":${'['.repeat(1e5)}${']'.repeat(1e5)}}]}`,
    /nest|deep/i,
  ],
  ['no messages', '{"model":"m","max_tokens":1}', /messages/],
  ['empty messages', '{"model":"m","max_tokens":1,"messages":[]}', /messages/],
  [
    'an unknown role',
    '{"model":"m","max_tokens":1,"messages":[{"role":"wizard","content":"x"}]}',
    /role|wizard/,
  ],
  [
    'content that is a number',
    '{"model":"m","max_tokens":1,"messages":[{"role":"user","content":7}]}',
    /content/,
  ],
  [
    'max_tokens that is a text',
    '{"model":"m","max_tokens":"many","messages":[{"role":"user","content":"x"}]}',
    /max_tokens/,
  ],
  ['no model', '{"max_tokens":1,"messages":[{"role":"user","content":"x"}]}', /model/],
  [
    'tools that are a text',
    '{"model":"m","messages":[{"role":"user","content":"x"}],"tools":"all"}',
    /tools/,
  ],
];

for (const [name, body, says] of BAD_BODIES) {
  test(`${name}: 400 in the shape of the API, one sentence, nothing sent to a backend`, async () => {
    const reply = await post(h.url, body);
    assert.equal(reply.status, 400);
    const { type, error, request_id } = (await reply.json()) as ErrorReply;
    assert.equal(type, 'error');
    assert.equal(error.type, 'invalid_request_error');
    assert.match(error.message, says);
    assert.doesNotMatch(error.message, /\.ts|node_modules|\n/);
    assert.equal(request_id, reply.headers.get('request-id'));
    assert.equal(request_id, reply.headers.get('x-anyclaude-request-id'));
    nothingWasSent();
  });
}

const valid = (more: string) =>
  `{"model":"m","max_tokens":1,"messages":[{"role":"user","content":[{"type":"text","text":"x"}]}]${more}}`;

for (const [name, body, place] of [
  ['of the body', valid(',"__proto__":{"polluted":1}'), 'the request body'],
  ['of a message', valid('').replace('{"role"', '{"__proto__":{"polluted":1},"role"'), '"messages[0]"'],
  [
    'in a schema, written with escapes',
    valid(',"tools":[{"name":"T","input_schema":{"a":[1,{"\\u005f_pr\\u006fto__":{"polluted":1}}]}}]'),
    '"tools[0].input_schema.a[1]"',
  ],
  [
    'under a name that a person chose',
    valid(`,"metadata":{"${'long '.repeat(50)}":{"__proto__":1}}`),
    '"metadata.long long long',
  ],
] as const) {
  test(`a key __proto__ ${name} is refused with its place, and nothing is sent`, async () => {
    const reply = await post(h.url, body);
    assert.equal(reply.status, 400);
    const { error } = (await reply.json()) as ErrorReply;
    assert.ok(error.message.startsWith(`The key "__proto__" in ${place}`), error.message);
    assert.ok(error.message.length < 250);
    assert.equal(({} as Record<string, unknown>)['polluted'], undefined);
    nothingWasSent();
  });
}

test('a text or a tool name that says __proto__ is served', async () => {
  const other = await startHarness();
  try {
    const text = 'Why is {"__proto__": 1} or "\\u005f" bad?';
    const tools = [{ name: '__proto__', input_schema: { type: 'object', properties: {} } }];
    const reply = await post(other.url, ask(text, { tools }));
    assert.equal(reply.status, 200);
    await reply.text();
    assert.match(JSON.stringify(other.mlx.asked[0]?.conversation.messages), /__proto__/);
  } finally {
    await other.close();
  }
});

test('33 MB is refused with 413, and the next request is served', async () => {
  const reply = await post(h.url, JSON.stringify(ask('a'.repeat(33 * 1024 * 1024))));
  assert.equal(reply.status, 413);
  assert.equal(((await reply.json()) as ErrorReply).error.type, 'request_too_large');
  nothingWasSent();
});

test('a body that is not called JSON is refused with 415', async () => {
  for (const contentType of ['text/plain', 'application/x-www-form-urlencoded']) {
    const reply = await post(h.url, ask('x'), { headers: { 'content-type': contentType } });
    assert.equal(reply.status, 415);
  }
  const bare = await raw('POST /v1/messages HTTP/1.1\r\nHost: HOST\r\nContent-Length: 2\r\n\r\n{}');
  assert.match(bare, /^HTTP\/1\.1 415 /);
  nothingWasSent();
});

test('a compressed body is refused with 415', async () => {
  const reply = await post(h.url, ask('x'), { headers: { 'content-encoding': 'gzip' } });
  assert.equal(reply.status, 415);
});

const ROUTES = [
  ['POST', '/v1/messages'],
  ['POST', '/v1/messages/count_tokens'],
  ['GET', '/v1/models'],
  ['HEAD', '/'],
  ['GET', '/healthz'],
  ['GET', '/readyz'],
  ['GET', '/status'],
  ['GET', '/metrics'],
  ['GET', '/'],
  ['GET', '/page/main.js'],
  ['GET', '/api/live'],
  ['GET', '/api/events'],
  ['GET', '/api/requests'],
  ['GET', '/api/requests/-1'],
  ['GET', '/api/series'],
  ['GET', '/api/stats'],
  ['GET', '/api/sessions'],
  ['GET', '/nowhere'],
] as const;

for (const [method, path] of ROUTES) {
  test(`${method} ${path} is closed to web pages and to foreign Host names`, async () => {
    const head = `${method} ${path} HTTP/1.1\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: 2\r\n`;
    const attacks = [
      'Host: evil.example\r\n',
      'Host: 127.0.0.1.nip.io\r\n',
      'Host: HOST/#@evil.example\r\n',
      'Host: 0.0.0.0:PORT\r\n',
      'Host: HOST\r\nOrigin: https://evil.example\r\n',
      'Host: HOST\r\nOrigin: null\r\n',
      'Host: HOST\r\nSec-Fetch-Site: cross-site\r\n',
    ];
    for (const attack of attacks) {
      const reply = await raw(`${head}${attack}\r\n{}`);
      assert.match(reply, /^HTTP\/1\.1 403 /, attack);
      assert.doesNotMatch(reply, /access-control-/i);
    }
    const absolute = await raw(
      `${method} http://evil.example${path} HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\n\r\n`,
    );
    assert.match(absolute, /^HTTP\/1\.1 40[03] /);
    const twice = await raw(`${head}Host: HOST\r\nHost: evil.example\r\n\r\n{}`);
    assert.match(twice, /^HTTP\/1\.1 40[03] /);
    nothingWasSent();
  });
}

test('a container of Docker Desktop may read the figures under its name for this machine, and nothing else', async () => {
  const as = (line: string, host: string) =>
    raw(`${line} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
  assert.match(
    await as('GET /metrics', 'host.docker.internal:PORT'),
    /^HTTP\/1\.1 200 [\s\S]*anyclaude_build_info/,
  );
  for (const [line, host] of [
    ['GET /metrics', 'host.docker.internal'],
    ['GET /metrics', 'host.docker.internal:1'],
    ['GET /metrics', 'gateway.docker.internal:PORT'],
    ['GET /metrics/', 'host.docker.internal:PORT'],
    ['GET /METRICS', 'host.docker.internal:PORT'],
    ['POST /metrics', 'host.docker.internal:PORT'],
    ['GET /status', 'host.docker.internal:PORT'],
    ['GET /healthz', 'host.docker.internal:PORT'],
    ['POST /v1/messages', 'host.docker.internal:PORT'],
  ] as const) {
    assert.match(await as(line, host), /^HTTP\/1\.1 403 /, `${line} ${host}`);
  }
  const page = 'host.docker.internal:PORT\r\nOrigin: http://host.docker.internal:PORT';
  assert.match(await as('GET /metrics', page), /^HTTP\/1\.1 403 /);
});

test('a preflight is answered without any CORS header', async () => {
  const reply = await fetch(`${h.url}/v1/messages`, { method: 'OPTIONS' });
  assert.equal(reply.status, 404);
  assert.deepEqual(
    [...reply.headers.keys()].filter((name) => name.startsWith('access-control')),
    [],
  );
});

test('what is not served is 404 in the shape of the API and never forwarded', async () => {
  for (const path of ['/v1/complete', '/v1/messages/batches', '/../../etc/passwd', '/%2e%2e/etc/passwd']) {
    const reply = await request(h.url).get(path).set('host', new URL(h.url).host);
    assert.equal(reply.status, 404);
    assert.equal(reply.body.error.type, 'not_found_error');
  }
  nothingWasSent();
});

test('HEAD / and /healthz answer, and /healthz says whose process it is', async () => {
  await request(h.url).head('/').expect(200);
  const reply = await request(h.url).get('/healthz').expect(200);
  assert.deepEqual(reply.body, { status: 'ok', pid: process.pid });
});

test('GET /v1/models lists routes, all of them with ids that Claude Code keeps', async () => {
  const reply = await request(h.url).get('/v1/models?limit=1000').expect(200);
  const ids: string[] = reply.body.data.map(({ id }: { id: string }) => id);
  assert.deepEqual(ids.slice(0, 5), [
    'claude-anyclaude',
    'claude-anyclaude-analysis',
    'claude-anyclaude-edit',
    'claude-anyclaude-mlx-lm',
    'claude-anyclaude-lmstudio',
  ]);
});

test('count_tokens answers with the figure alone, 27 at once, and asks no model', async () => {
  const body = JSON.stringify({
    model: 'm',
    messages: [{ role: 'user', content: 'Where is the kettle filled?' }],
  });
  const replies = await Promise.all(
    Array.from({ length: 27 }, () =>
      fetch(`${h.url}/v1/messages/count_tokens?beta=true`, {
        method: 'POST',
        body,
        headers: { 'content-type': 'application/json' },
      }).then((reply) => reply.json() as Promise<Record<string, number>>),
    ),
  );
  for (const reply of replies) {
    assert.deepEqual(Object.keys(reply), ['input_tokens']);
    assert.ok(Number.isInteger(reply['input_tokens']) && Number(reply['input_tokens']) > 3);
  }
  nothingWasSent();
});

test('/readyz asks an idle backend for one token where no request has proved it yet', async () => {
  const before = h.mlx.proofs;
  await request(h.url).get('/readyz').expect(503); // nobody has been probed yet
  await h.deps.fleet.probeIdle();
  await request(h.url).get('/readyz').expect(200);
  assert.equal(h.mlx.proofs, before + 1);
  await request(h.url).get('/readyz').expect(200);
  assert.equal(h.mlx.proofs, before + 1, 'a proof lasts');
});

test('a daemon with a token refuses who does not show it, and serves who does', async () => {
  const guarded = await startHarness({ token: 'a-token-of-16-chars' });
  try {
    assert.equal((await fetch(`${guarded.url}/healthz`)).status, 403);
    for (const [name, value] of [
      ['x-anyclaude-token', 'a-token-of-16-chars'],
      ['authorization', 'Bearer a-token-of-16-chars'],
      ['x-api-key', 'a-token-of-16-chars'],
    ] as const) {
      assert.equal((await fetch(`${guarded.url}/healthz`, { headers: { [name]: value } })).status, 200);
    }
    assert.equal((await fetch(`${guarded.url}/healthz`, { headers: { 'x-api-key': 'wrong' } })).status, 403);
  } finally {
    await guarded.close();
  }
});

/** Sends the very bytes and reads until the daemon closes. HOST and PORT stand for its own. */
function raw(text: string): Promise<string> {
  const { hostname, port, host } = new URL(h.url);
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname, () => {
      socket.write(text.replaceAll('HOST', host).replaceAll('PORT', port));
    });
    let reply = '';
    socket.on('data', (data) => {
      reply += data;
      if (/\r\n\r\n/.test(reply)) socket.end();
    });
    socket.on('close', () => resolve(reply));
    socket.on('error', reject);
  });
}
