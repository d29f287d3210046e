import { shellWord } from '../../reports/commands.ts';
import type { EngineFlags } from '../model/soak.ts';
import { engineGiven } from './engine.ts';
import { flagWords } from './flag-words.ts';
import { type PlanFlags, planGiven } from './plan.ts';
import type { Subject } from './subject.ts';

export interface Repeatable extends PlanFlags, EngineFlags {
  readonly trace?: boolean | undefined;
  /** A name, a .ts file, or the folder of a stored run, which has a seed and a plan. */
  readonly scenario: string;
  readonly subject: Subject;
}

/** The command that makes the same run again: with the seed, which was drawn if none was given. To paste in a shell. */
export function repeatCommand({ scenario, subject, ...flags }: Repeatable): string {
  const words = flagWords({
    ...('target' in subject ? { target: subject.target } : { build: subject.build.name }),
    ...planGiven(flags),
    invariants: flags.invariants,
    ...engineGiven(flags),
    trace: flags.trace,
  });
  return ['windtunnel', 'run', scenario, ...words].map(shellWord).join(' ');
}
