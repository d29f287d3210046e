import { setMaxListeners } from 'node:events';

import { CrashError, InterruptedError, messageOf } from '../model/errors.ts';
import { onCrash } from './crash.ts';

/**
 * Aborts on the first SIGINT, SIGTERM or SIGHUP: the run then ends in order, heals and judges what was recorded. The
 * second only prints a message, because a process that exits while it heals leaves damage behind; the third exits.
 * An uncaught error is an interruption, too, with the exit code of a crash: it says nothing about the
 * build, and what was installed must be taken away all the same.
 */
export function interruptSignal(meaning = 'ending the run, healing, then judging what was recorded …'): AbortSignal {
  const controller = new AbortController();
  // Several runs at a time wait for it in many places.
  setMaxListeners(0, controller.signal);
  let count = 0;
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(name, () => {
      count++;
      if (count === 1) {
        console.error(`\n${name}: ${meaning}`);
        controller.abort(new InterruptedError(`interrupted by ${name}`));
      } else if (count === 3) {
        console.error('Exiting now. Run `windtunnel heal` to clean up what is left.');
        process.exit(130);
      } else {
        console.error('Still healing. Interrupt once more to exit and leave the rest to `windtunnel heal`.');
      }
    });
  }
  onCrash((error) => {
    console.error(`\nAn error in windtunnel itself: ${meaning}`);
    controller.abort(new CrashError(`an error in windtunnel itself: ${messageOf(error)}`, { cause: error }));
  });
  return controller.signal;
}
