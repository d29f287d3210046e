import { operatorFault } from './disturb.ts';

export const markStorm = operatorFault({
  name: 'mark-storm',
  describe: 'Somebody marks running tasks as success, failed or skipped several times a second',
  lasts_ms: [3_000, 10_000],
  action: 'mark',
  every_ms: [150, 600],
});
