import type { Host } from '../faults/fault.ts';
import type { Scenario } from '../model/scenario.ts';
import { type ManagedOptions, processNames } from '../stacks/managed.ts';
import { allowsFaults } from '../stacks/target.ts';

/** What to run against: a build that we start, or the file of a stack that is there. */
export type Subject = { readonly build: string } | { readonly target: string };

/** What the nemesis has to know of the stack that this scenario will meet. */
export function hostOf(subject: Subject, scenario: Scenario): Host {
  const processes = 'build' in subject ? processNames(processesOf(scenario)) : [];
  const allowFaults = 'target' in subject && allowsFaults(subject.target);
  return { ours: 'build' in subject, allowFaults, processes, scenario };
}

/** What a stack of ours gets for a scenario: how many processes of which kind, and times of its own. */
export function processesOf(
  scenario: Scenario,
): Pick<ManagedOptions, 'schedulers' | 'apiServers' | 'triggerer' | 'queuedTimeoutS'> {
  const { schedulers, api_servers, fleet, dags, queued_timeout_s } = scenario;
  const tasks = dags.flatMap((dag) => dag.tasks);
  const triggerer = fleet.habits.defers > 0 || tasks.some(({ habits }) => (habits?.defers ?? 0) > 0);
  const times = queued_timeout_s === undefined ? {} : { queuedTimeoutS: queued_timeout_s };
  return { schedulers, apiServers: api_servers, triggerer, ...times };
}
