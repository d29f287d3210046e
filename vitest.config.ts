import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['{harness,workloads,reports,reference,test}/**/*.test.ts'],
    // Real processes share two cores: files in turn, so that one stack's start does not starve another's.
    fileParallelism: false,
    testTimeout: 30_000,
    hookTimeout: 60_000,
  },
});
