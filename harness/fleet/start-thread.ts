import { Worker } from 'node:worker_threads';

const FIRST = new URL('./thread.mjs', import.meta.url);

/** A thread runs TypeScript as the program does. It finds what it is given in `workerData`. */
export function startThread(module: URL, workerData: object): Worker {
  return new Worker(FIRST, { workerData: { ...workerData, module: module.href }, execArgv: [] });
}
