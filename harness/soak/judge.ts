import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { timeLimit } from '../judge/bounds.ts';
import type { Judgement } from '../model/verdict.ts';
import { childEnvironment } from '../system/environment.ts';
import { cacheFolder, WINDTUNNEL } from '../system/installation.ts';
import { ProcessTable } from '../system/process-table.ts';

/** Beyond what the judge allows itself: it starts, closes the tables, and writes the reports. */
const AROUND_MS = 600_000;

interface AsideOptions {
  readonly log: string;
  readonly invariants: string | undefined;
  /** A file of known findings. */
  readonly known?: string | undefined;
  /** How long it may take; in place of what the judge allows itself and a little more. */
  readonly withinMs?: number;
}

/**
 * Judges a run in a process of its own with lower priority, because the next window's load is running: its time and
 * memory must not be the harness's. Rejects if there is no verdict, also because that process hangs.
 */
export async function judgeAside(
  runFolder: string,
  { log, invariants, known, withinMs = timeLimit().ms + AROUND_MS }: AsideOptions,
): Promise<{ judgement: Judgement; seconds: number }> {
  const began = performance.now();
  const file = path.join(runFolder, 'verdict.json');
  rmSync(file, { force: true });
  // Listed in a table, so that `heal` ends it after the harness was killed.
  const table = new ProcessTable(randomBytes(3).toString('hex'));
  try {
    const own = [
      ...(invariants === undefined ? [] : ['--invariants', invariants]),
      ...(known === undefined ? [] : ['--known', known]),
    ];
    const child = table.start('judge', process.execPath, [WINDTUNNEL, 'check', runFolder, ...own], {
      env: {
        ...childEnvironment(),
        WINDTUNNEL_CACHE: cacheFolder(),
        WINDTUNNEL_MEMORY: process.env.WINDTUNNEL_MEMORY,
        WINDTUNNEL_TIME: process.env.WINDTUNNEL_TIME,
        WINDTUNNEL_DISK: process.env.WINDTUNNEL_DISK,
      },
      cwd: process.cwd(),
      log,
    });
    const timer = new AbortController();
    // A timer that is longer than that ends at once.
    const atMost = Math.min(withinMs, 2 ** 31 - 1);
    const late = sleep(atMost, `took more than ${atMost / 1000} s`, { signal: timer.signal });
    const how = await Promise.race([child.ended, late]).finally(() => timer.abort());
    if (!existsSync(file)) throw new Error(`judging ${runFolder} ${how} without a verdict (see ${log})`);
    const judgement = JSON.parse(readFileSync(file, 'utf8')) as Judgement;
    return { judgement, seconds: (performance.now() - began) / 1000 };
  } finally {
    await table.close();
  }
}
