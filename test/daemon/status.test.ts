// What a running daemon tells of itself, over HTTP.

import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { loadConfig } from '../../daemon/config/config.ts';
import { startDaemon } from '../../daemon/main.ts';
import { openHome } from '../../daemon/state.ts';
import { startFakeChat } from '../fake/chat.ts';

const EDIT = { name: 'Edit', description: 'Edits a file.', input_schema: { type: 'object' } };

test('a backend whose edits fail takes none for a while, and reply and status say why', async (t) => {
  const mlx = await startFakeChat('mlx');
  const lmstudio = await startFakeChat('lmstudio');
  const home = await mkdtemp(join(tmpdir(), 'anyclaude-status-'));
  const env = { HOME: home, ANYCLAUDE_HOME: join(home, 'state'), ANYCLAUDE_PORT: '0' };
  const config = loadConfig({ flags: {}, env: { ...env, MLX_LM_URL: mlx.url, LMSTUDIO_URL: lmstudio.url } });
  openHome(config.home);
  const daemon = await startDaemon({ config, version: '0.0.0', logStream: { write: () => {} } });
  t.after(async () => {
    await daemon.close();
    await Promise.all([mlx.close(), lmstudio.close()]);
    await rm(home, { recursive: true, force: true });
  });
  const send = async (messages: readonly object[]) => {
    const body = { model: 'claude-anyclaude', max_tokens: 64, tools: [EDIT], messages };
    const headers = { 'content-type': 'application/json' };
    const reply = await fetch(`${daemon.url}/v1/messages`, {
      method: 'POST',
      headers,
      body: JSON.stringify(body),
    });
    const { content } = (await reply.json()) as { content: { type: string; id?: string }[] };
    return {
      callId: content.find(({ type }) => type === 'tool_use')?.id,
      backend: reply.headers.get('x-anyclaude-backend'),
      reason: reply.headers.get('x-anyclaude-reason'),
    };
  };
  const notes = async () =>
    ((await (await fetch(`${daemon.url}/status`)).json()) as { notes: string[] }).notes;

  for (let turn = 0; turn < 5; turn += 1) {
    const asked = { role: 'user', content: `Fix the bug in file ${turn}.` };
    const call = { id: `call${turn}`, name: 'Edit', arguments: '{"file_path":"a"}' };
    lmstudio.next(lmstudio.says({ calls: [call] }));
    const { backend, callId } = await send([asked]);
    assert.equal(backend, 'lmstudio');
    const use = { type: 'tool_use', id: callId, name: 'Edit', input: { file_path: 'a' } };
    const result = {
      type: 'tool_result',
      tool_use_id: callId,
      is_error: true,
      content: 'old_string not found',
    };
    await send([asked, { role: 'assistant', content: [use] }, { role: 'user', content: [result] }]);
  }

  const next = await send([{ role: 'user', content: 'Fix the bug in the last file.' }]);
  assert.deepEqual([next.backend, next.reason], ['mlx-lm', 'edits-failing']);
  assert.deepEqual(
    (await notes()).map((note) => note.replace(/\d+ min/, 'N min')),
    ['lmstudio takes no edits now: 5 of its last 5 edits failed, next try in N min.'],
  );
});
