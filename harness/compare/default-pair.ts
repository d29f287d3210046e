import { messageOf, UnavailableError } from '../model/errors.ts';
import { installAirflow } from '../stacks/airflow/install.ts';

export interface Pair {
  readonly a: string;
  readonly b: string;
}

/** The two releases between which #66734 and #62561 were fixed: the difference is known, so a newcomer can check it. */
const RELEASES = ['3.2.1', '3.2.2'] as const;
/** The same races, switched on in the reference stack. */
const STAND_IN: Pair = { a: 'reference+state-lock-joined+rtif-merge+backfill-no-guard', b: 'reference' };

/**
 * What `compare` compares by default: two releases of the real Airflow, or, where there is no Python or no
 * package index to install them from, the reference stack with and without their races. `say` gets the one line.
 */
export async function defaultPair(say: (line: string) => void, signal: AbortSignal): Promise<Pair> {
  try {
    for (const version of RELEASES) await installAirflow(version, { log: say, signal });
    return { a: `airflow@${RELEASES[0]}`, b: `airflow@${RELEASES[1]}` };
  } catch (error) {
    if (!(error instanceof UnavailableError)) throw error;
    say(
      `The real Airflow cannot be installed here (${oneLine(messageOf(error))}) ` +
        'Comparing builds of the reference stack instead, an Airflow-like stack in TypeScript, with and without the ' +
        'same races. With Python and a package index, the same command compares ' +
        `airflow@${RELEASES.join(' and airflow@')}.`,
    );
    return STAND_IN;
  }
}

function oneLine(text: string): string {
  return (text.split('\n')[0] ?? text).trim();
}
