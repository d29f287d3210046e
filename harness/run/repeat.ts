import { shellWord } from '../../reports/commands.ts';
import type { EngineFlags } from '../model/soak.ts';
import { engineWords } from './engine.ts';
import type { PlanFlags } from './plan.ts';
import type { Subject } from './subject.ts';

export interface Repeatable extends PlanFlags, EngineFlags {
  /** A name, a .ts file, or the folder of a stored run, which has a seed and a plan. */
  readonly scenario: string;
  readonly subject: Subject;
}

/** The command that makes the same run again: with the seed, which was drawn if none was given. To paste in a shell. */
export function repeatCommand({ scenario, subject, ...flags }: Repeatable): string {
  const given = {
    ...('target' in subject ? { target: subject.target } : { build: subject.build.name }),
    seed: flags.seed,
    duration: flags.duration,
    schedulers: flags.schedulers,
    'api-servers': flags.apiServers,
    faults: flags.faults,
    invariants: flags.invariants,
  };
  const words = Object.entries(given).flatMap(([flag, value]) =>
    value === undefined ? [] : [`--${flag}`, String(value)],
  );
  return ['windtunnel', 'run', scenario, ...words, ...engineWords(flags)].map(shellWord).join(' ');
}
