import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkBackends } from '../../cli/doctor-backends.ts';
import { loadConfig } from '../../daemon/config/config.ts';
import type { BackendReport, StatusReport } from '../../daemon/status.ts';

const URL = 'http://127.0.0.1:18081';
const DOWN: BackendReport = {
  ...{ name: 'mlx-lm', url: URL, state: 'down', model: null, flavour: null, warm: null },
  ...{ contextWindow: null, contextWindowSource: null, inFlight: 0, queued: 0, maxConcurrent: 2 },
  ...{
    startCommand: 'mlx_lm.server --model <path> --port 18081',
    lastError: `mlx-lm at ${URL}: Nothing answers there (ECONNREFUSED).`,
  },
};
const STATUS: StatusReport = {
  ...{ running: true, pid: 2, url: 'http://127.0.0.1:4784', version: '0.0.0', mode: 'auto', uptimeS: 1 },
  ...{ draining: false, backends: [DOWN], notes: [], keeper: { state: 'idle', detail: '' } },
  store: { queued: 0, dropped: 0, lastError: null },
};

test('a backend that does not answer is named once, with its address and the command for that port', async () => {
  const config = loadConfig({ flags: {}, env: { HOME: '/home/ada' } });
  const [check] = await checkBackends(config, STATUS);
  assert.equal(
    check?.finding,
    `does not answer at ${URL} (Nothing answers there (ECONNREFUSED)): start it with mlx_lm.server --model <path> --port 18081`,
  );
});
