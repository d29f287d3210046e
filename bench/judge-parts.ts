/**
 * Where judging a stored run spends its time and its memory: seconds, CPU seconds and peak of every part of it; and what
 * could not be judged at all. Exit code 1 if there is such.
 *
 *     node --import ./bin/typescript.mjs bench/judge-parts.ts RUN
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { performance } from 'node:perf_hooks';

import { judge } from '../harness/judge/judge.ts';

const [run = ''] = process.argv.slice(2);
let began = performance.now();
let used = process.cpuUsage();
const { invariants } = await judge(run, {
  done: (part) => {
    const { user, system } = process.cpuUsage(used);
    const seconds = [performance.now() - began, (user + system) / 1000].map((ms) => (ms / 1000).toFixed(1).padStart(7));
    console.log(`${seconds[0]} s ${seconds[1]} s of CPU  at most ${peakMiB().toFixed(0).padStart(5)} MiB  ${part}`);
    began = performance.now();
    used = process.cpuUsage();
  },
});
const failed = invariants.filter(({ why_unknown }) => why_unknown?.startsWith('judging it failed'));
for (const { name, why_unknown } of failed) console.log(`${name}: ${why_unknown}`);
process.exitCode = failed.length > 0 ? 1 : 0;

/** Largest resident memory since it was asked the last time, as the kernel knows it (Linux). */
function peakMiB(): number {
  try {
    const kibi = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
    writeFileSync('/proc/self/clear_refs', '5');
    return Number(kibi ?? 0) / 1024;
  } catch {
    return 0; // There is no /proc here.
  }
}
