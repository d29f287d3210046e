import { UsageError } from './errors.ts';

/**
 * What is tested, as an identity: `airflow@3.2.1`, `airflow@./checkout`, `airflow@RUN/airflow.lock.txt`, `reference`,
 * `reference+rtif-merge`.
 */
export type Build =
  | {
      readonly kind: 'airflow';
      readonly name: string;
      /** A release number, or the path of a checkout or of a lock. */
      readonly version: string;
    }
  | {
      readonly kind: 'reference';
      readonly name: string;
      /** What is switched on in it; whether there is such a defect is the reference stack's to say. */
      readonly defects: readonly string[];
    };

/** Throws a UsageError that says how a build is written. */
export function parseBuild(text: string): Build {
  const airflow = /^airflow@(.+)$/.exec(text)?.[1];
  if (airflow !== undefined) return { kind: 'airflow', name: text, version: airflowVersion(airflow) };
  const reference = /^reference((?:\+[a-z0-9][a-z0-9-]*)*)$/.exec(text)?.[1];
  if (reference !== undefined) return { kind: 'reference', name: text, defects: reference.split('+').slice(1) };
  throw new UsageError(
    `"${text}" is not a build: write airflow@VERSION, for example airflow@3.2.2, or reference, or reference+DEFECT.`,
  );
}

/** Whether the version of an Airflow build is a path: of a source checkout, which is a folder, or of a lock. */
export function isPath(version: string): boolean {
  return /^[.~]|\//.test(version);
}

/** The version as it was given. UsageError: it is neither a release number nor a path. */
export function airflowVersion(version: string): string {
  if (!isPath(version) && !/^\d+\.\d+\.\d+((a|b|rc)\d+)?$/.test(version)) {
    throw new UsageError(`"${version}" is not an Airflow version: write three numbers, for example airflow@3.2.2.`);
  }
  return version;
}
