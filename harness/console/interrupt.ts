import { setMaxListeners } from 'node:events';

import { InterruptedError } from '../model/errors.ts';

/**
 * Aborts on the first Ctrl-C, SIGTERM or hang-up: the run then ends in order, heals and judges what there is. Further
 * ones are answered, not obeyed: leaving in mid-heal is what `windtunnel heal` has to mend.
 */
export function interruptSignal(meaning = 'ending the run, healing, then judging what there is …'): AbortSignal {
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
        console.error('Leaving now. Run `windtunnel heal` to take away what is left.');
        process.exit(130);
      } else {
        console.error('Still healing; once more leaves the rest to `windtunnel heal`.');
      }
    });
  }
  return controller.signal;
}
