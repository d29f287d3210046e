import { expect, test } from 'vitest';

import { whyNoAirflow } from './airflow.ts';
import { clocks, failed, judged, noCompiler, OFF, sentenceOf } from './moved-clock.ts';

const noAirflow = await whyNoAirflow();

/** A defect with one cause, of which violations follow that depend on times. */
const DEFECT = 'reference+skip-unguarded';
const RACE = '#63266';

test.skipIf(noCompiler)(
  'a clock that is half a second or two off changes nothing that is found',
  {
    timeout: 1_800_000,
  },
  async () => {
    for (const off of OFF) {
      const found = await judged(DEFECT, `defect${off}`, off);
      expect(clocks(found)).toMatchObject({ verdict: 'pass', sentence: expect.stringContaining(sentenceOf(off)) });
      expect(failed(found)).toContain('running-is-not-overwritten');
      expect(found.findings.filter(({ known_race }) => known_race !== RACE)).toEqual([]);
    }
  },
);

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
