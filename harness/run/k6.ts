import type { K6Options } from '../fleet/engines/k6.ts';
import { K6_WORKER } from '../fleet/engines/k6-binary.ts';
import type { SupervisedProcess } from '../model/stack.ts';
import { childEnvironment } from '../system/environment.ts';
import type { K6Choice } from './engine.ts';
import type { RunSession } from './session.ts';

/** Each k6 that is started is in the process table, ends with the run, and is added to `helpers`. */
export function k6Options(
  { listen, token, k6 }: K6Choice,
  { table, record, progress }: Pick<RunSession, 'table' | 'record' | 'progress'>,
  helpers: SupervisedProcess[],
): K6Options {
  return {
    listen,
    token,
    vus: k6?.vus ?? [],
    onOpen: (url) => {
      if (k6) return;
      progress.note(`listening for k6 at ${url}: start it with WINDTUNNEL_URL=${url} and the same WINDTUNNEL_TOKEN`);
    },
    start: (index, env) => {
      const name = `k6-${index + 1}`;
      const helper = table.start(name, k6?.path ?? 'k6', K6_WORKER, {
        env: { ...childEnvironment(process.env, 'network'), ...env },
        cwd: record.path,
        log: record.log(name),
        isOurs: true,
      });
      helpers.push(helper);
      return helper;
    },
  };
}
