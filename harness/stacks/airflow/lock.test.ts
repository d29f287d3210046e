import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import { StackError, UsageError } from '../../model/errors.ts';
import { type IndexContent, packageIndex } from '../../testing/package-index.ts';
import { checkVersion, installAirflow } from './install.ts';
import { readLock } from './lock.ts';
import { findUv } from './python.ts';

let folder: string;
const closed: (() => void)[] = [];
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'wt-lock-'));
});
afterEach(() => {
  for (const close of closed.splice(0)) close();
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true, force: true });
});

const HASH = `--hash=sha256:${'0'.repeat(64)}`;
const AIRFLOW = `apache-airflow==3.3.2 ${HASH}`;
const PROVIDER = `apache_airflow.providers-postgres[common]==6.1.0 ; python_version >= "3.10" \\
    ${HASH} \\
    ${HASH}`;
const WHOLE = `--only-binary :all:\n\n${AIRFLOW}\n    # via -r requirements.in\n${PROVIDER}\n`;

function lockWith(text: string): string {
  const file = path.join(folder, 'airflow.lock.txt');
  writeFileSync(file, text);
  return file;
}

describe('readLock', () => {
  test('takes what uv and pip write, of any Airflow that can be tested', () => {
    const { version, python, sha256 } = readLock(lockWith(WHOLE));
    expect({ version, python }).toEqual({ version: '3.3.2', python: undefined });
    expect(sha256).toMatch(/^[0-9a-f]{64}$/);
    expect(() => checkVersion(path.join(folder, 'airflow.lock.txt'))).not.toThrow();
  });

  test.each([
    ['', /it has no apache-airflow; it has no apache-airflow-providers-postgres/],
    [AIRFLOW, /not a lock of Airflow: it has no apache-airflow-providers-postgres\. Name one/],
    [WHOLE.replace('3.3.2', '3.0.6'), /airflow@3\.0\.6 is too old/],
    [`${WHOLE}anyio==4.15.1\n`, /line 8, anyio, has no --hash=sha256:…/],
    [`${WHOLE}anyio==4.15.1 --hash=md5:00\n`, /line 8 is not PACKAGE==VERSION with hashes: anyio==4\.15\.1 --hash=md5/],
    [
      `${WHOLE}anyio>=4 ${HASH}\n--index-url https://elsewhere/simple\n`,
      /line 8 is not .*; line 9 is not .*--index-url/,
    ],
    [`${WHOLE}-r other.txt`, /line 8 is not/],
    [`${WHOLE}evil @ https://elsewhere/evil.whl ${HASH}`, /line 8 is not/],
    [`${WHOLE}--only-binary :none:`, /line 8 is not/],
    [`${WHOLE}anyio==4.15.1 ; ${' '.repeat(400_000)}!`, /line 8, anyio, has no/],
    [`${WHOLE}anyio==4.15.1 ; ${' '.repeat(400_000)}#`, /line 8 is not/],
    [`# all is well\r--index-url https://elsewhere\n${WHOLE}`, /not printable ASCII/],
    [`${WHOLE}${'a\n'.repeat(9)}`, /line 11 is not PACKAGE==VERSION with hashes: a; and 5 more\./],
  ])('refuses what is no lock, %#', (text, sentence) => {
    const read = () => readLock(lockWith(text));
    expect(read).toThrow(UsageError);
    expect(read).toThrow(sentence);
  });

  test('a path that is neither a folder nor a file is neither a checkout nor a lock', () => {
    expect(() => readLock(folder)).toThrow(/is not a lock of Airflow: a folder, where a file is needed/);
    for (const name of ['nothing', 'a'.repeat(300), `${'a/'.repeat(3_000)}b`])
      expect(() => checkVersion(path.join(folder, name))).toThrow(/no such folder, nor a wheel or a lock of that name/);
  });
});

const PACKAGES: IndexContent = {
  wheels: {
    'apache-airflow==3.9.9': ['apache-airflow-core'],
    'apache-airflow-core==3.9.9': [],
    'apache-airflow-providers-postgres==1.0': [],
  },
  uploaded: '2026-01-01T00:00:00Z',
};

/** Installs from an index of our own, with a cache of its own each time. */
async function install(build: string, content: IndexContent, patches: readonly string[] = []) {
  const cache = mkdtempSync(path.join(folder, 'cache-'));
  vi.stubEnv('WINDTUNNEL_CACHE', cache);
  vi.stubEnv('UV_CACHE_DIR', path.join(cache, 'uv-cache'));
  writeFileSync(path.join(cache, 'airflow-releases.json'), '{"3.9.9":"2026-01-01"}');
  const index = await packageIndex(path.join(cache, 'index'), content);
  closed.push(index.close);
  vi.stubEnv('UV_DEFAULT_INDEX', index.url);
  return await installAirflow(build, { patches, log: () => undefined, signal: AbortSignal.timeout(100_000) });
}

describe('an index of our own', async () => {
  const uv = await findUv(AbortSignal.timeout(20_000));
  if (uv === undefined) console.warn('SKIPPED: installing from an index of our own needs uv on PATH.');
  const { wheels } = PACKAGES;

  test.skipIf(uv === undefined)('what a release was installed from is kept, and installs the same again', async () => {
    const first = await install('3.9.9', PACKAGES);
    const text = first.lock?.text ?? '';
    expect(text).toMatch(/^# Airflow 3\.9\.9 for Python 3\.\d+ on \w+-\w+, as of 2026-01-02T.*\.$/m);
    expect(text.match(/^apache-airflow.*==/gm)).toHaveLength(3);
    const file = lockWith(text);
    expect(readLock(file)).toMatchObject({ version: '3.9.9', sha256: first.lock?.sha256 });

    // Without upload times, and with a newer provider, as a mirror has them a year later.
    const later = { ...wheels, 'apache-airflow-providers-postgres==2.0': [] };
    const again = await install(file, { wheels: later });
    expect(again.packagesHash).toBe(first.packagesHash);
    expect(again.lock).toEqual(first.lock);

    // The wheel of this name is another one.
    const changed = { ...wheels, 'apache-airflow-core==3.9.9': ['apache-airflow'] };
    await expect(install(file, { wheels: changed })).rejects.toThrow(
      /could not be installed: what the package index has as apache-airflow-core==3\.9\.9 is not what the lock says/,
    );
    // A lock that no longer says what was installed.
    const kept = path.join(again.venv, 'airflow.lock.txt');
    expect(readFileSync(kept, 'utf8')).toBe(text);
    writeFileSync(kept, `${text}\n`);
    vi.stubEnv('WINDTUNNEL_CACHE', path.resolve(again.venv, '../../..'));
    const options = { log: () => undefined, signal: AbortSignal.timeout(100_000) };
    await expect(installAirflow(file, options)).rejects.toThrow(/was changed after Airflow was installed from it/);
    // For another Python than there is.
    const other = lockWith(text.replace(/Python 3\.\d+/, 'Python 3.99'));
    await expect(installAirflow(other, options)).rejects.toThrow(/^The lock of Airflow 3\.9\.9 needs Python 3\.99 and/);
  });

  test.skipIf(uv === undefined)('a patch makes an environment of its own, or none at all', async () => {
    const place = 'apache_airflow_core-3.9.9.dist-info/METADATA';
    const patchWith = (name: string, file: string, added: string) => {
      const at = path.join(folder, name);
      const above = ' Metadata-Version: 2.1\n Name: apache-airflow-core\n Version: 3.9.9\n';
      writeFileSync(at, `--- a/${file}\n+++ b/${file}\n@@ -1,3 +1,4 @@\n${above}+${added}\n`);
      return at;
    };
    const good = patchWith('good.patch', place, 'Summary: patched');
    const patched = await install('3.9.9', PACKAGES, [good]);
    const cache = path.resolve(patched.venv, '../..');
    const text = ({ venv, pythonVersion }: typeof patched) => {
      const minor = pythonVersion.split('.').slice(0, 2).join('.');
      return readFileSync(path.join(venv, 'lib', `python${minor}`, 'site-packages', place), 'utf8');
    };
    const plain = await installAirflow('3.9.9', { log: () => undefined, signal: AbortSignal.timeout(100_000) });
    expect([text(patched), text(plain)].map((it) => it.includes('Summary: patched'))).toEqual([true, false]);
    expect(patched.lock).toEqual(plain.lock);
    expect(patched.packagesHash).not.toBe(plain.packagesHash);
    expect(readdirSync(cache)).toHaveLength(2);

    const options = { log: () => undefined, signal: AbortSignal.timeout(100_000) };
    const again = await installAirflow('3.9.9', { ...options, patches: [good] });
    expect(again.venv).toBe(patched.venv);
    // Whether it fits is seen before anything is made; whether it is Python, when it is made.
    const unfit = patchWith('unfit.patch', place.replace('core-', ''), 'Summary: patched');
    await expect(installAirflow('3.9.9', { ...options, patches: [good, unfit] })).rejects.toThrow(
      /^unfit does not fit Airflow 3\.9\.9: .*apache_airflow_3\.9\.9.*, which is not installed\.$/,
    );
    const broken = path.join(folder, 'broken.patch');
    writeFileSync(broken, `--- /dev/null\n+++ b/_virtualenv.d/x.py\n@@ -0,0 +1 @@\n+1 = 2\n`);
    await expect(installAirflow('3.9.9', { ...options, patches: [broken] })).rejects.toThrow(UsageError);
    expect(readdirSync(cache)).toHaveLength(2);
  });

  test.skipIf(uv === undefined)('what it cannot serve is said in a sentence', async () => {
    const undated = install('3.9.9', { wheels });
    await expect(undated).rejects.toThrow(
      /does not say when packages were uploaded.* --build airflow@RUN\/airflow\.lock/,
    );
    await expect(undated).rejects.toThrow(StackError);
    const { 'apache-airflow-core==3.9.9': _, ...others } = wheels;
    const built = install('3.9.9', { ...PACKAGES, wheels: others, sources: ['apache-airflow-core==3.9.9'] });
    await expect(built).rejects.toThrow(/apache-airflow-core\S* has no wheel for this machine, and only wheels are/);
    // Its day is not known: without upload times it would be any.
    const unknown = install('3.9.8', { wheels: { ...wheels, 'apache-airflow==3.9.8': [] } });
    await expect(unknown).rejects.toThrow(/could not look for Airflow 3\.9\.8: the package index does not say when/);
  });
});
