import { operatorFault } from './disturb.ts';

export const clearStorm = operatorFault({
  name: 'clear-storm',
  describe: 'Somebody clears running tasks several times a second',
  lasts_ms: [3_000, 10_000],
  action: 'clear',
  every_ms: [150, 600],
});
