import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkClient } from '../../cli/doctor-client.ts';
import { loadConfig } from '../../daemon/config/config.ts';

function cloudFindings(settings: object): readonly string[] {
  const file = { path: 'config.json', text: JSON.stringify(settings) };
  const config = loadConfig({ flags: {}, env: { HOME: '/nowhere' }, file });
  const place = { env: { HOME: '/nowhere', PATH: '/nowhere' }, cwd: '/nowhere' };
  return checkClient('http://127.0.0.1:4784', config, place)
    .filter(({ subject }) => subject === 'cloud')
    .map(({ verdict, finding }) => `${verdict}: ${finding}`);
}

test('doctor says that a fallback to the cloud without a model of its own cannot succeed', () => {
  const [finding, ...others] = cloudFindings({ allowCloud: true });
  assert.match(finding ?? '', /^warn: allowCloud is set.*set claude\.model/);
  assert.deepEqual(others, []);
  assert.deepEqual(cloudFindings({ allowCloud: true, claude: { model: 'claude-opus-5-5' } }), []);
  assert.deepEqual(cloudFindings({}), []);
});
