import type { Scenario } from '../../harness/model/scenario.ts';
import { scenario as seeds } from './seeds.ts';

/** A rolling upgrade: the servers are newer than the workers, and convert what these send and get. */
export const scenario: Scenario = {
  ...seeds,
  name: 'old-workers',
  describe: 'As seeds, with workers of 3.1.8 on whatever release is under test, as in a rolling upgrade',
  fleet: { ...seeds.fleet, release: '3.1.8' },
};
