// Work that is told apart by number, shared among threads: each takes every so-manieth of it.

import { availableParallelism } from 'node:os';
import { parentPort, Worker, workerData } from 'node:worker_threads';

type Share<Data> = { readonly data: Data; readonly numbers: readonly number[] };
type Done<Result> = { readonly number: number; readonly result: Result };

/**
 * What the worker's module made of each number, in their order. `data` is copied to each thread. Rejects with the first
 * error of any.
 */
export async function shareOut<Data, Result>(
  worker: URL,
  data: Data,
  count: number,
): Promise<readonly Result[]> {
  const threads = Math.min(count, availableParallelism());
  const results = new Map<number, Result>();
  await Promise.all(
    Array.from({ length: threads }, (_, thread) => {
      const numbers = Array.from({ length: count }, (_, number) => number).filter(
        (number) => number % threads === thread,
      );
      return runThread<Data, Result>(worker, { data, numbers }, results);
    }),
  );
  return Array.from(results)
    .toSorted(([a], [b]) => a - b)
    .map(([, result]) => result);
}

function runThread<Data, Result>(
  worker: URL,
  share: Share<Data>,
  results: Map<number, Result>,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const thread = new Worker(worker, { workerData: share });
    thread.on('message', ({ number, result }: Done<Result>) => results.set(number, result));
    thread.on('error', reject);
    thread.on('exit', (code) => (code === 0 ? resolve() : reject(new Error(`A thread ended with ${code}`))));
  });
}

/** Inside the worker's module: what to do with the data, number by number. */
export function workOn<Data, Result>(begin: (data: Data) => (number: number) => Result): void {
  const { data, numbers } = workerData as Share<Data>;
  const work = begin(data);
  for (const number of numbers) {
    parentPort?.postMessage({ number, result: work(number) } satisfies Done<Result>);
  }
}
