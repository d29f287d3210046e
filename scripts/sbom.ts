/**
 * The software bill of materials, CycloneDX 1.5 in JSON: the npm packages of an installation, the server of PostgreSQL,
 * uv, and the packages of a build of Airflow if one is named. Exit code: 2 no such build, 4 it has no lock.
 *
 *     npm run sbom -- --out sbom.json
 *     npm run sbom -- --out sbom.json --build airflow@3.3.2                   what it installs (now, if need be)
 *     npm run sbom -- --out sbom.json --build airflow@RUN/airflow.lock.txt    what a run was installed from
 *
 * Without --out it is printed: `npm run --silent sbom`.
 */
import { writeFileSync } from 'node:fs';

import { parseBuild } from '../harness/model/build.ts';
import { messageOf, pathProblem, StackError, UsageError } from '../harness/model/errors.ts';
import { installAirflow, namedLock } from '../harness/stacks/airflow/install.ts';
import { flagsOf } from './flags.ts';
import { type Bill, billOfMaterials } from './sbom/bill.ts';

try {
  const { values } = flagsOf({ options: { build: { type: 'string' }, out: { type: 'string' } } });
  const bill: Bill = billOfMaterials(values.build === undefined ? undefined : await lockOf(values.build));
  const text = `${JSON.stringify(bill, null, 2)}\n`;
  if (values.out === undefined) process.stdout.write(text);
  else writeFileSync(values.out, text);
} catch (error) {
  console.error(pathProblem(error) ?? messageOf(error));
  process.exitCode = error instanceof StackError ? 4 : 2;
}

/** The text of what a build is installed from. */
async function lockOf(name: string): Promise<string> {
  const build = parseBuild(name);
  if (build.kind !== 'airflow') throw new UsageError(`${name} installs no packages: name a build of Airflow.`);
  const log = (line: string) => console.error(line);
  const signal = AbortSignal.timeout(20 * 60_000);
  const lock = namedLock(build.version) ?? (await installAirflow(build.version, { log, signal })).lock;
  if (lock) return lock.text;
  throw new StackError(`${name} has no lock: it is a checkout, or was installed by a windtunnel that kept none.`);
}
