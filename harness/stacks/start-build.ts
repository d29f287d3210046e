import { type Build, parseBuild } from '../model/build.ts';
import { messageOf, UsageError } from '../model/errors.ts';
import { type AirflowOptions, airflowRecipe } from './airflow/airflow.ts';
import { checkVersion } from './airflow/install.ts';
import { checkDefects } from './defects.ts';
import { type BuildRecipe, type ManagedStack, startManaged } from './managed.ts';
import { referenceRecipe } from './reference.ts';

/** Throws a UsageError for what is no build, and for a release, a checkout, a patch or a defect that there is not. */
export function knownBuild(text: string): Build {
  const build = parseBuild(text);
  if (build.kind === 'airflow') checkVersion(build.version, build.patches);
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

export async function startBuild(build: Build, options: Omit<AirflowOptions, 'version'>): Promise<ManagedStack> {
  return startManaged(options, await recipeOf(build, options));
}

/** How a build is started; installs it if it is not there yet. */
export function recipeOf(build: Build, options: Omit<AirflowOptions, 'version'>): Promise<BuildRecipe> {
  switch (build.kind) {
    case 'airflow':
      return airflowRecipe({ ...options, version: build.version, patches: build.patches });
    case 'reference':
      return referenceRecipe({ ...options, defects: build.defects });
    default:
      throw new Error(`unknown build ${JSON.stringify(build satisfies never)}`);
  }
}
