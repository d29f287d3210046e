import { fleetFault } from './disturb.ts';

/**
 * Workers stand still as on a machine that hangs, until the window closes or longer than Airflow waits for a heartbeat;
 * then they wake up, beat and report the end of a task that may be another's by now. Unlike a silent death, somebody
 * comes back.
 */
export const zombies = fleetFault({
  name: 'zombies',
  describe: 'Workers hang, some until they are given up, and come back to report the end of their task',
  lasts_ms: [8_000, 55_000],
  misbehaviour: 'zombie',
  share: [0.1, 0.4],
  // The heartbeat time-out of our stacks is 30 s, schedulers look every 5 s, and busy ones later: from those who come
  // back as they are given up to those who have been long ago.
  ms: [29_000, 50_000],
});
