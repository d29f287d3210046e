import type { Scenario } from '../../harness/model/scenario.ts';
import { scenario as storm } from './storm.ts';

/** `storm` with the client that #66734 asks for: Airflow's own ignores Retry-After. */
export const scenario: Scenario = {
  ...storm,
  name: 'storm-patient',
  describe: 'As storm, with workers that wait as long as a 503 asks for',
  fleet: { ...storm.fleet, honours_retry_after: true },
};
