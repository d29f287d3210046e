import { expect, test } from 'vitest';

import { whyNoAirflow } from './airflow.ts';
import { clocks, failed, judged, noCompiler, OFF, sentenceOf } from './moved-clock.ts';

const noAirflow = await whyNoAirflow();

test.skipIf(noCompiler ?? noAirflow)(
  'the real Airflow violates nothing because of the clock of its database',
  {
    timeout: 3_600_000,
  },
  async () => {
    for (const off of OFF) {
      const found = await judged('airflow@3.3.2', `real${off}`, off);
      expect(clocks(found)).toMatchObject({ verdict: 'pass', sentence: expect.stringContaining(sentenceOf(off)) });
      expect(failed(found)).toEqual([]);
    }
  },
);
