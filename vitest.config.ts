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

/** What only computes: files side by side. Everything else starts real processes. */
const PURE = [
  'harness/{calibrate,compare,console,invariants,judge,model,races,soak,statistics}/**/*.test.ts',
  'harness/faults/draw.test.ts',
  'harness/run-folder/pack.test.ts',
  'harness/run/judge-run.test.ts',
  '{reports,scripts,workloads}/**/*.test.ts',
];
const timeouts = { testTimeout: 30_000, hookTimeout: 60_000 };

export default defineConfig({
  test: {
    reporters: ['default', closingLine],
    projects: [
      { test: { ...timeouts, name: 'pure', include: PURE, sequence: { groupOrder: 0 } } },
      {
        test: {
          ...timeouts,
          name: 'real',
          include: ['{harness,reference,test}/**/*.test.ts'],
          exclude: [...configDefaults.exclude, ...PURE],
          // Real processes share two cores: files in turn, so that one stack's start does not starve another's.
          fileParallelism: false,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
