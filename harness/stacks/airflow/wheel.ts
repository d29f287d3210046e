import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

import { reasonOf, UsageError } from '../../model/errors.ts';
import { atPath } from './checkout.ts';
import { checkRelease, dependenciesDate, type Resolver } from './releases.ts';
import type { VenvRecipe } from './venv.ts';

/** A wheel of Airflow's core, as a build of it leaves it in `dist/`. */
export interface Wheel {
  readonly file: string;
  /** As its name says: `3.4.0`, `3.4.0.dev0`. */
  readonly version: string;
  readonly sha256: string;
}

const WHEEL = /^apache_airflow_core-([\w.+!]+)-[\w.]+-[\w.]+-[\w.]+\.whl$/;
/** A zip file. */
const MAGIC = 'PK';

/** UsageError: the file is no wheel of Airflow's core, or cannot be read. */
export function readWheel(name: string): Wheel {
  const file = atPath(name);
  const [, version] = WHEEL.exec(path.basename(file)) ?? [];
  if (version === undefined) {
    throw new UsageError(
      `${name} is not a wheel of apache-airflow-core, where Airflow's code is: ` +
        'name apache_airflow_core-VERSION-py3-none-any.whl.',
    );
  }
  checkRelease(version);
  try {
    const bytes = readFileSync(file);
    if (bytes.toString('latin1', 0, MAGIC.length) !== MAGIC) throw new UsageError('not a zip file');
    return { file, version, sha256: createHash('sha256').update(bytes).digest('hex') };
  } catch (error) {
    throw new UsageError(`The wheel ${name} cannot be installed: ${reasonOf(error)}.`, { cause: error });
  }
}

/** The wheels that lie beside it are looked at before the package index: the Task SDK of the same build. */
export async function wheelRecipe({ file, version, sha256 }: Wheel, resolver: Resolver): Promise<VenvRecipe> {
  return {
    label: `wheel-${version.replace(/[^\w.]/g, '-')}`,
    wanted: {
      requirements: [`apache-airflow-core @ ${pathToFileURL(file).href}`, 'apache-airflow-providers-postgres'],
      asOf: await dependenciesDate(version, resolver),
      content: sha256,
      options: ['--find-links', path.dirname(file)],
    },
  };
}
