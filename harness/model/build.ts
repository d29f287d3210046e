import { UsageError } from './errors.ts';

/**
 * What is tested, as an identity: `airflow@3.2.1`, `airflow@3.1.8+FILE.patch`, `airflow@./checkout`,
 * `airflow@FILE.whl`, `airflow@RUN/airflow.lock.txt`, `reference`, `reference+rtif-merge`.
 */
export type Build =
  | {
      readonly kind: 'airflow';
      readonly name: string;
      /** A release number, or the path of a checkout, of a wheel or of a lock. */
      readonly version: string;
      /** Files, applied in this order; of a recorded build their names and short hashes. */
      readonly patches: readonly string[];
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
  if (airflow !== undefined) {
    const { version, patches } = splitPatches(airflow);
    return { kind: 'airflow', name: text, version: airflowVersion(version), patches };
  }
  const reference = /^reference((?:\+[a-z0-9][a-z0-9-]*)*)$/.exec(text)?.[1];
  if (reference !== undefined) return { kind: 'reference', name: text, defects: reference.split('+').slice(1) };
  throw new UsageError(
    `"${text}" is not a build: write airflow@VERSION, for example airflow@3.2.2, or reference, or reference+DEFECT.`,
  );
}

const PATCH_FILE = /\.(patch|diff)$/;
const RECORDED_PATCH = /:[0-9a-f]{7}$/;

/** A path may have a plus sign in it: what does not end like a patch belongs to what is before it. */
function splitPatches(text: string): { version: string; patches: string[] } {
  const parts = text.split('+');
  const version = parts.findLastIndex((part, i) => i === 0 || !(PATCH_FILE.test(part) || RECORDED_PATCH.test(part)));
  return { version: parts.slice(0, version + 1).join('+'), patches: parts.slice(version + 1) };
}

/** Whether it is the name that a run recorded, where the command line has a file. */
export function isRecordedPatch(patch: string): boolean {
  return RECORDED_PATCH.test(patch);
}

/** Without folder and ending: `60330-guard`. */
export function patchName(file: string): string {
  return (/[^/\\]*$/.exec(file)?.[0] ?? '').replace(PATCH_FILE, '');
}

/** The build as a run records it, `airflow@3.1.8+60330-guard:1a2b3c4`: another patch of that name is another build. */
export function recordedBuild(
  version: string,
  patches: readonly { readonly name: string; readonly sha256: string }[],
): string {
  return `airflow@${version}${patches.map(({ name, sha256 }) => `+${name}:${sha256.slice(0, 7)}`).join('')}`;
}

/** Short enough for the name of a folder: of a patch its name alone. */
export function buildLabel(build: Build): string {
  if (build.kind === 'reference') return build.name;
  return ['airflow@', build.version, ...build.patches.map((file) => `+${patchName(file)}`)].join('');
}

/** Whether the code of a build comes from files that its name points to, not from a package index. */
export function isOfFiles(build: Build): boolean {
  return build.kind === 'airflow' && (isPath(build.version) || build.patches.length > 0);
}

/** Whether the version of an Airflow build is a path: of a checkout, which is a folder, of a wheel or of a lock. */
export function isPath(version: string): boolean {
  return /^[.~]|\/|\.(whl|txt)$/.test(version);
}

/** The version as it was given. UsageError: it is neither a release number nor a path. */
export function airflowVersion(version: string): string {
  if (isPath(version) || /^\d+\.\d+\.\d+((a|b|rc)\d+)?$/.test(version)) return version;
  const [release = '', ...parts] = version.split('+');
  const added = parts.find((part) => !PATCH_FILE.test(part));
  throw new UsageError(
    added === undefined || !/^\d+\.\d+\.\d+/.test(release)
      ? `"${version}" is not an Airflow version: write three numbers, for example airflow@3.2.2.`
      : `"${added}" is not a patch: what follows a + is a file that ends in .patch or .diff, ` +
          `for example airflow@${release}+fix.patch.`,
  );
}
