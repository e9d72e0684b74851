// What the files of grafana/ say of each other: nothing but a person's eyes would notice that a folder, a port or
// an interval is called differently in two of them.

import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { test } from 'node:test';
import { parse } from 'yaml';
import { configJsonSchema, loadConfig } from '../../daemon/config/config.ts';
import { UID } from '../../grafana/dashboard.ts';
import { DASHBOARD, TARGETS } from './dashboard.ts';
import { promtool, promtoolIsMissing } from './prometheus.ts';

const FOLDER = 'grafana';
const read = (path: string) => parse(readFileSync(join(FOLDER, path), 'utf8'));

type Service = {
  image: string;
  network_mode?: string;
  ports?: string[];
  command?: string[];
  environment?: Record<string, string>;
  volumes: string[];
};
type Compose = { services: { prometheus: Service; grafana: Service }; volumes: Record<string, unknown> };

const COMPOSE = ['compose.linux.yml', 'compose.macos.yml'] as const;
const compose = (file: string): Compose => read(file);

const datasource = () => read('provisioning/datasources/anyclaude.yml').datasources[0];
const prometheus = () => read('prometheus/prometheus.yml');
const port = loadConfig({ flags: {}, env: { HOME: '/nowhere' } }).port;

test('the dashboard file, its code and the provisioning agree on what it is called', () => {
  const { providers } = read('provisioning/dashboards/anyclaude.yml');
  assert.equal(DASHBOARD.uid, UID);
  assert.equal(providers.length, 1);
  assert.equal(providers[0].folder, DASHBOARD.title);
  assert.equal(providers[0].type, 'file');
  assert.equal(providers[0].allowUiUpdates, false);
  for (const file of COMPOSE) {
    const { environment = {}, volumes } = compose(file).services.grafana;
    const folder = environment['ANYCLAUDE_DASHBOARDS'] ?? '';
    assert.equal(providers[0].options.path, '$ANYCLAUDE_DASHBOARDS');
    assert.ok(volumes.includes(`./dashboards:${folder}:ro`), file);
    const home = environment['GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH'] ?? '';
    assert.equal(posix.dirname(home), folder);
    assert.ok(existsSync(join(FOLDER, 'dashboards', posix.basename(home))));
    assert.ok(volumes.includes('./provisioning:/etc/grafana/provisioning:ro'), file);
  }
});

test('the data source has a fixed uid and is where Prometheus listens', () => {
  const { uid, type, access, url, isDefault } = datasource();
  assert.deepEqual(
    { uid, type, access, isDefault },
    { uid: 'anyclaude-prometheus', type: 'prometheus', access: 'proxy', isDefault: true },
  );
  const { host } = new URL(url);
  assert.ok(
    compose('compose.linux.yml').services.prometheus.command?.includes(`--web.listen-address=${host}`),
  );
  assert.ok(compose('compose.macos.yml').services.prometheus.ports?.includes(`${host}:9090`));
});

test('Grafana knows how often Prometheus scrapes', () => {
  assert.equal(datasource().jsonData.timeInterval, prometheus().global.scrape_interval);
});

test('a click on the dot of a request opens its explanation on the page of the daemon', () => {
  const [link, ...others] = datasource().jsonData.exemplarTraceIdDestinations;
  assert.deepEqual(others, []);
  assert.equal(link.name, 'request_id');
  // Provisioning takes $ for a variable of the environment, and $$ for $.
  const { origin, hash } = new URL(link.url.replace('$${__value.raw}', 'req_0123456789abcdef'));
  assert.equal(origin, `http://127.0.0.1:${port}`);
  const page = readFileSync('daemon/page/explanation.js', 'utf8');
  const pattern = /^const HASH = \/(.+)\/;$/m.exec(page)?.[1] ?? 'the page has no HASH';
  assert.equal(new RegExp(pattern).exec(hash)?.[1], 'req_0123456789abcdef');
  assert.ok(TARGETS.some(({ exemplar }) => exemplar));
});

test('Prometheus scrapes the port that the daemon listens on unless told otherwise', () => {
  const schema = configJsonSchema() as { properties: { port: { default: number } } };
  assert.equal(port, schema.properties.port.default);
  assert.deepEqual(read('prometheus/target.yml'), [{ targets: [`127.0.0.1:${port}`] }]);
  assert.deepEqual(read('prometheus/target.docker-desktop.yml'), [
    { targets: [`host.docker.internal:${port}`] },
  ]);
  const [job, ...others] = prometheus().scrape_configs;
  assert.deepEqual(others, []);
  assert.equal(job.job_name, 'anyclaude');
  assert.deepEqual(job.file_sd_configs, [{ files: ['target.yml'] }]);
});

test('on Linux both containers share the network of the machine, and listen on loopback alone', () => {
  const { prometheus, grafana } = compose('compose.linux.yml').services;
  for (const { network_mode, ports } of [prometheus, grafana]) {
    assert.equal(network_mode, 'host');
    assert.equal(ports, undefined);
  }
  assert.equal(grafana.environment?.['GF_SERVER_HTTP_ADDR'], '127.0.0.1');
  assert.ok(prometheus.volumes.includes('./prometheus/target.yml:/etc/prometheus/target.yml:ro'));
});

test('on macOS Prometheus asks for the daemon by the one name it has there, and Grafana shares its network', () => {
  const { prometheus, grafana } = compose('compose.macos.yml').services;
  assert.equal(grafana.network_mode, 'service:prometheus');
  assert.equal(grafana.ports, undefined);
  for (const published of prometheus.ports ?? []) assert.match(published, /^127\.0\.0\.1:/);
  const target = './prometheus/target.docker-desktop.yml:/etc/prometheus/target.yml:ro';
  assert.ok(prometheus.volumes.includes(target));
});

test('both compose files run the same images, pinned to one version, and mount only what exists', () => {
  const [linux, macos] = COMPOSE.map(compose) as [Compose, Compose];
  for (const name of ['prometheus', 'grafana'] as const) {
    assert.equal(linux.services[name].image, macos.services[name].image);
    assert.match(linux.services[name].image, /^[a-z]+\/[a-z]+:v?\d+\.\d+\.\d+$/);
  }
  for (const { services, volumes } of [linux, macos]) {
    for (const mount of Object.values(services).flatMap((service) => service.volumes)) {
      const [source = ''] = mount.split(':');
      if (source.startsWith('.')) assert.ok(existsSync(join(FOLDER, source)), mount);
      else assert.ok(source in volumes, mount);
    }
    const config = '--config.file=/etc/prometheus/prometheus.yml';
    assert.ok(services.prometheus.command?.includes(config));
    assert.ok(services.prometheus.command?.includes('--enable-feature=exemplar-storage'));
  }
});

test('each alert says what is wrong and what to look at', () => {
  const { groups } = read('prometheus/rules.yml');
  for (const { alert, annotations, labels } of groups.flatMap((group: { rules: object[] }) => group.rules)) {
    assert.match(alert, /^Anyclaude[A-Z]/);
    assert.ok(annotations.summary && annotations.description.length > annotations.summary.length / 2, alert);
    assert.match(labels.severity, /^(warning|critical)$/);
  }
});

for (const args of [
  ['check', 'config', 'grafana/prometheus/prometheus.yml'],
  ['check', 'rules', 'grafana/prometheus/rules.yml'],
  ['test', 'rules', 'grafana/prometheus/rules.test.yml'],
]) {
  test(`promtool ${args.join(' ')} finds nothing wrong`, { skip: promtoolIsMissing() }, () => {
    const { status, output } = promtool(args);
    assert.equal(status, 0, output);
    assert.match(output, /SUCCESS/);
    assert.doesNotMatch(output, /FAILED|error/i);
  });
}

type Case = { readonly alertname: string; readonly exp_alerts?: readonly object[] };

test('each alert is tried out on figures that must fire it', () => {
  const { groups } = read('prometheus/rules.yml');
  const alerts = groups.flatMap(({ rules }: { rules: { alert: string }[] }) =>
    rules.map(({ alert }) => alert),
  );
  const { tests } = read('prometheus/rules.test.yml');
  const cases: Case[] = tests.flatMap((one: { alert_rule_test: Case[] }) => one.alert_rule_test);
  const fired = new Set(cases.flatMap((one) => (one.exp_alerts?.length ? [one.alertname] : [])));
  assert.deepEqual([...fired].sort(), alerts.sort());
});
