// The first module of a thread, in JavaScript: a thread of Node 20 does not load TypeScript before something has taught
// it to, as bin/windtunnel.mjs does for the program.
import { workerData } from 'node:worker_threads';
import { register } from 'tsx/esm/api';

register();
await import(workerData.module);
