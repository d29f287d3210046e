import { describe, expect, test } from 'vitest';

import { whyNoAirflow } from '../airflow.ts';
import { CASES } from './cases.ts';
import { linesOf } from './compare.ts';
import { record } from './record.ts';
import { RELEASES, readRecording } from './recording.ts';

/** One waits for two and a half minutes until its supervisor gives up. */
const RECORD_MS = 600_000;
const why = await whyNoAirflow();

describe.skipIf(why !== undefined)(`the real workers${why ? ` (skipped: ${why})` : ''}`, () => {
  test.each(RELEASES)(
    'of %s still send what is recorded of them',
    async (release) => {
      const { cases, headers } = await record(release, AbortSignal.timeout(RECORD_MS), () => undefined);
      const kept = readRecording(release);
      for (const { name } of CASES) {
        const [now, then] = [cases[name], kept.cases[name]];
        expect(now && linesOf(now), name).toEqual(then && linesOf(then));
      }
      expect(Object.keys(headers)).toEqual(Object.keys(kept.headers));
    },
    RECORD_MS,
  );
});
