// A real Prometheus that has seen the whole day: the daemon's own metric code turns the outcomes into pages, one for
// every 15 s of the day, and Prometheus scrapes them one after the other, each dated in its past.

import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Prometheus, startPrometheus } from '../../test/grafana/prometheus.ts';
import { DAY_MS, workingDay } from './day.ts';
import { playedPages } from './pages.ts';

const SCRAPE_MS = 15_000;

/** Resolves once the day that ends at `endMs` has been scraped. */
export async function openHistory(endMs: number): Promise<Prometheus> {
  const pages = playedPages(workingDay(endMs), { fromMs: endMs - DAY_MS, toMs: endMs, stepMs: SCRAPE_MS });
  const seen = Promise.withResolvers<void>();
  const server = await serve(pages, seen);
  const folder = await mkdtemp(join(tmpdir(), 'anyclaude-pictures-'));
  const config = join(folder, 'prometheus.yml');
  // JSON is YAML.
  await writeFile(config, JSON.stringify(inAHurry(server)));
  const prometheus = await startPrometheus(config);
  const close = async () => {
    await prometheus.close();
    server.close();
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await seen.promise;
    await requireAll(prometheus, endMs);
  } catch (error) {
    await close();
    throw error;
  }
  return { ...prometheus, close };
}

/** The daemon's address, as the instance; the pages say when they are from. */
function inAHurry(server: Server): object {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('The pages have no port.');
  return {
    global: { scrape_interval: '100ms', scrape_timeout: '100ms' },
    // The first figures arrive long after their time.
    storage: { tsdb: { out_of_order_time_window: '9999d' } },
    scrape_configs: [
      {
        job_name: 'anyclaude',
        static_configs: [{ targets: [`127.0.0.1:${address.port}`], labels: { instance: '127.0.0.1:4784' } }],
      },
    ],
  };
}

/** Gives each page until it was taken, and is ready with the next: a scrape has little time. */
async function serve(pages: AsyncGenerator<string>, seen: PromiseWithResolvers<void>): Promise<Server> {
  let page = pages.next();
  let following: typeof page | undefined;
  let taker: Socket | undefined;
  const server = createServer(({ socket }, response) => {
    // Prometheus leaves the connection of a scrape that took too long.
    if (socket === taker && following) [page, following] = [following, undefined];
    void page.then(({ value, done }) => {
      response.once('finish', () => {
        taker = socket;
        following ??= pages.next();
      });
      response.writeHead(done ? 503 : 200, { 'content-type': 'application/openmetrics-text; version=1.0.0' });
      response.end(value);
      // The page before has been stored by now: a target is not scraped twice at once.
      if (done) seen.resolve();
    }, seen.reject);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

/** A missed page would be a hole in every picture. */
async function requireAll(prometheus: Prometheus, endMs: number): Promise<void> {
  const expected = DAY_MS / SCRAPE_MS + 1;
  const query = `count_over_time(anyclaude_build_info[${DAY_MS / 1000 + 1}s])`;
  const parameters = new URLSearchParams({ query, time: String(endMs / 1000) });
  const { result } = (await prometheus.get(`query?${parameters}`)) as {
    result: { value: [number, string] }[];
  };
  const found = Number(result[0]?.value[1] ?? 0);
  if (found !== expected) {
    throw new Error(
      `Prometheus took ${found} of ${expected} pages; draw again when the machine has less to do.`,
    );
  }
}
