import { type Build, parseBuild } from '../model/build.ts';
import { messageOf, UsageError } from '../model/errors.ts';
import { type AirflowOptions, startAirflow } from './airflow/airflow.ts';
import { checkVersion } from './airflow/install.ts';
import { checkDefects } from './defects.ts';
import type { ManagedStack } from './managed.ts';
import { startReference } from './reference.ts';

/** Throws a UsageError for what is no build, and for a release, a checkout or a defect that there is not. */
export function knownBuild(text: string): Build {
  const build = parseBuild(text);
  if (build.kind === 'airflow') checkVersion(build.version);
  if (build.kind === 'reference') {
    try {
      checkDefects(build.defects);
    } catch (error) {
      throw new UsageError(`"${text}" cannot be built: ${messageOf(error)}; \`windtunnel list\` names what there is.`, {
        cause: error,
      });
    }
  }
  return build;
}

export function startBuild(build: Build, options: Omit<AirflowOptions, 'version'>): Promise<ManagedStack> {
  switch (build.kind) {
    case 'airflow':
      return startAirflow({ ...options, version: build.version });
    case 'reference':
      return startReference({ ...options, defects: build.defects });
    default:
      throw new Error(`unknown build ${JSON.stringify(build satisfies never)}`);
  }
}
