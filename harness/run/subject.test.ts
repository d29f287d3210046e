import { expect, test } from 'vitest';

import { literalManifest } from '../testing/literal-run.ts';
import { checkTargetScenario, processesOf } from './subject.ts';

const scenarioWith = (more: object) => ({ ...literalManifest({}).plan.scenario, name: 'mine', ...more });

test('what a scenario would change of a target is refused, all of it at once', () => {
  const limits = scenarioWith({ pool_slots: 4, pools: { narrow: 1 }, max_tis_per_query: 16 });
  expect(() => checkTargetScenario({ target: 'staging.yaml' }, limits)).toThrow(
    [
      'The scenario mine changes the slots of default_pool, which others of a target share: run it with --build.',
      'The scenario mine makes pools, which would be left in a target: run it with --build.',
      'The scenario mine sets max_tis_per_query, which a target has set already: run it with --build.',
    ].join('\n'),
  );
  expect(() => checkTargetScenario({ target: 'staging.yaml' }, scenarioWith({}))).not.toThrow();
});

test('a stack of ours gets the max_tis_per_query of the scenario, and Airflow settings of its own without one', () => {
  expect(processesOf(scenarioWith({ max_tis_per_query: 16 }))).toMatchObject({ maxTisPerQuery: 16 });
  expect(processesOf(scenarioWith({}))).not.toHaveProperty('maxTisPerQuery');
});
