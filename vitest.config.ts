import { availableParallelism } from 'node:os';

import { configDefaults, defineConfig } from 'vitest/config';
import type { Reporter, TestModule } from 'vitest/node';

/** Ends the output with a line that a script can read. Counts tests; a file that cannot be loaded is a failed one. */
const closingLine: Reporter = {
  onTestRunEnd(modules: readonly TestModule[]) {
    const count = { passed: 0, failed: 0, skipped: 0 };
    for (const module of modules) {
      for (const test of module.children.allTests()) {
        const { state } = test.result();
        if (state === 'passed') count.passed++;
        else if (state === 'failed') count.failed++;
        else count.skipped++;
      }
      if (module.errors().length > 0) count.failed++;
    }
    const line = `${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped`;
    process.once('exit', () => console.log(line));
  },
};

const LANES = ['db', 'e2e', 'long', 'night'] as const;

/** The files of a lane, by their names; what has no lane in its name is pure. */
function files(lane: 'pure' | (typeof LANES)[number]): { include: string[]; exclude: string[] } {
  if (lane !== 'pure') return { include: [`**/*.${lane}.test.ts`], exclude: configDefaults.exclude };
  return { include: ['**/*.test.ts'], exclude: [...configDefaults.exclude, ...LANES.map((l) => `**/*.${l}.test.ts`)] };
}

/** Only ends what hangs: how long a test takes depends on the machine, and proves nothing. */
const timeouts = { testTimeout: 120_000, hookTimeout: 120_000 };

/**
 * A test is in a lane by the name of its file:
 *
 *     x.test.ts       computes, or talks to itself: no server, no stack. Files side by side.
 *     x.db.test.ts    needs a PostgreSQL. Files side by side.
 *     x.e2e.test.ts   whole commands, stacks, a browser: the part of them that every change needs (`npm test`).
 *     x.long.test.ts  the same, but for `npm run test:all` only.
 *     x.night.test.ts what takes too long for that: a part of `npm run nightly`.
 *
 * The last three go file by file, so that one stack does not slow another down.
 */
export default defineConfig({
  test: {
    reporters: ['default', closingLine],
    // By default one core would be left idle, and that is half of two.
    maxWorkers: availableParallelism(),
    projects: [
      // Files share a process: what each loads, DuckDB and all, is loaded once.
      {
        test: {
          ...timeouts,
          name: 'pure',
          ...files('pure'),
          isolate: false,
          unstubEnvs: true,
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          ...timeouts,
          name: 'db',
          ...files('db'),
          globalSetup: 'test/postgres-servers.ts',
          sequence: { groupOrder: 1 },
        },
      },
      { test: { ...timeouts, name: 'e2e', ...files('e2e'), fileParallelism: false, sequence: { groupOrder: 2 } } },
      { test: { ...timeouts, name: 'long', ...files('long'), fileParallelism: false, sequence: { groupOrder: 3 } } },
      { test: { ...timeouts, name: 'night', ...files('night'), fileParallelism: false, sequence: { groupOrder: 4 } } },
    ],
  },
});
