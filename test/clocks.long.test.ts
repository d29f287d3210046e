import { setTimeout as sleep } from 'node:timers/promises';

import { expect, test } from 'vitest';

import type { Judgement } from '../harness/model/verdict.ts';
import { start, until } from './airflow.ts';
import { clocks, cwd, failed, noCompiler, setClock, words } from './moved-clock.ts';

test.skipIf(noCompiler)(
  'a clock that is set in mid-run puts in doubt what depends on it, and violates nothing',
  {
    timeout: 1_800_000,
  },
  async () => {
    for (const off of [2, -2]) {
      const name = `set${off}`;
      const run = start(words('reference', name), cwd, setClock(name, 0));
      await until('the load', () => run.stderr().includes('· load'), 600_000);
      await sleep(8_000);
      setClock(name, off);
      const { stdout } = await run.ended;
      const found: Judgement = JSON.parse(stdout);
      expect(failed(found)).toEqual([]);
      expect(found.verdict).toBe('unknown');
      const sentence = off > 0 ? /was set forward by (2\.0|1\.9) s after/ : /was set back by (2\.0|1\.9) s after/;
      expect(clocks(found)).toMatchObject({ verdict: 'fail', sentence: expect.stringMatching(sentence) });
    }
  },
);
