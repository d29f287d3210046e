import { UsageError } from './errors.ts';

/** What is tested, as an identity: `airflow@3.2.1`, `airflow@./checkout`. */
export interface Build {
  readonly name: string;
  /** A release number, or the path of a checkout. */
  readonly version: string;
}

export function parseBuild(text: string): Build {
  const match = /^airflow@(.+)$/.exec(text);
  if (!match?.[1]) throw new UsageError(`"${text}" is not a build: write airflow@VERSION, for example airflow@3.2.2.`);
  const version = match[1];
  const isPath = /^[./~]/.test(version);
  if (!isPath && !/^\d+\.\d+\.\d+((a|b|rc)\d+)?$/.test(version)) {
    throw new UsageError(`"${version}" is not an Airflow version: write three numbers, for example airflow@3.2.2.`);
  }
  return { name: text, version };
}
