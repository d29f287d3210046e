import { createHash } from 'node:crypto';
import { existsSync, linkSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { UsageError } from '../../model/errors.ts';
import { readPatch } from './patch-file.ts';
import { fitPatches, writePatched } from './patching.ts';

let folder: string;
let site: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'wt-patch-'));
  site = path.join(folder, 'site-packages');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function installed(place: string, text: string): string {
  const file = path.join(site, place);
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, text);
  return file;
}

function patchWith(text: string, name = 'fix.patch') {
  const file = path.join(folder, name);
  writeFileSync(file, text);
  return file;
}

/** Of one line of a file. */
const change = (file: string, from: string, to: string, at = 2) =>
  `--- a/${file}\n+++ b/${file}\n@@ -${at - 1},3 +${at - 1},3 @@\n above\n-${from}\n+${to}\n below\n`;
const TEXT = 'above\nold\nbelow\n';
const DAGRUN = 'airflow/models/dagrun.py';

describe('readPatch', () => {
  test('takes what diff, git diff and git format-patch write, with the paths of the repository', () => {
    const text =
      'From 1a2b Mon Sep 17 00:00:00 2001\nSubject: [PATCH] a fix\n---\n x.py | 2 +-\n\n' +
      `diff --git a/airflow-core/tests/unit/test_x.py b/airflow-core/tests/unit/test_x.py\n` +
      change('airflow-core/tests/unit/test_x.py', 'old', 'new') +
      'diff --git a/airflow-core/newsfragments/1.bugfix.rst b/airflow-core/newsfragments/1.bugfix.rst\n' +
      'new file mode 100644\n--- /dev/null\n+++ b/airflow-core/newsfragments/1.bugfix.rst\n@@ -0,0 +1 @@\n+A fix.\n' +
      change('airflow-core/src/airflow/models/dagrun.py', 'old', 'new') +
      change('task-sdk/src/airflow/sdk/src/x.py', 'old', 'new') +
      change('providers/apache/hive/src/airflow/providers/apache/hive/x.py', 'old', 'new') +
      change('shared/logging/src/airflow_shared/logging/x.py', 'old', 'new') +
      change('airflow/ui/src/x.py', 'old', 'new') +
      change('sqlalchemy/orm/x.py', 'old', 'new') +
      'diff --git a/airflow/y/__init__.py b/airflow/y/__init__.py\nnew file mode 100644\nindex 0000000..e69de29\n' +
      '-- \n2.39.2\n\n';
    const { name, sha256, changes, leftOut } = readPatch(patchWith(text));
    expect({ name, sha256 }).toEqual({ name: 'fix', sha256: createHash('sha256').update(text).digest('hex') });
    expect(leftOut).toEqual(['airflow-core/tests/unit/test_x.py', 'airflow-core/newsfragments/1.bugfix.rst']);
    expect(changes.map(({ kind, places }) => `${kind} ${places.join(' ')}`)).toEqual([
      `change ${DAGRUN}`,
      'change airflow/sdk/src/x.py',
      'change airflow/providers/apache/hive/x.py',
      'change airflow/_shared/logging/x.py airflow/sdk/_shared/logging/x.py',
      'change airflow/ui/src/x.py',
      'change sqlalchemy/orm/x.py',
      'new airflow/y/__init__.py',
    ]);
  });

  test.each([
    ['', /fix\.patch is not a patch of Airflow: it has no changes as `git diff` or `diff -u` writes them\.$/],
    ['hello\n', /it has no changes/],
    [change('airflow-core/docs/x.rst', 'old', 'new'), /no package has what it changes \(airflow-core\/docs\/x\.rst\)/],
    [change('airflow/../../../etc/x', 'old', 'new'), /airflow\/\.\.\/\.\.\/\.\.\/etc\/x is not a path inside/],
    ['--- a/x/y.py\n+++ b//etc/passwd\n@@ -1 +1 @@\n-a\n+b\n', /\/etc\/passwd is not a path inside an installation/],
    ['@@ -1 +1 @@\n-a\n+b\n', /it does not name the file that it changes/],
    [change('airflow/x.py', 'old', 'new').replace('-1,3', '-1,9'), /hunk at line 3 contained invalid line\.$/],
    ['--- a/airflow/x.py\n', /missing "\+\+\+ \.\.\." file header/],
    [
      'diff --git a/airflow/a.py b/airflow/b.py\nrename from airflow/a.py\nrename to airflow/b.py\n' +
        'diff --git a/airflow/p.png b/airflow/p.png\nindex 1..2\nGIT binary patch\nliteral 3\nabc\n',
      /renames or copies airflow\/b\.py: write it with `git diff --no-renames`; it changes no text of airflow\/p\.png/,
    ],
  ])('refuses what is no patch, %#', (text, sentence) => {
    const read = () => readPatch(patchWith(text));
    expect(read).toThrow(UsageError);
    expect(read).toThrow(sentence);
  });

  test('says why a file cannot be read', () => {
    expect(() => readPatch(path.join(folder, 'none.patch'))).toThrow(
      /none\.patch is not .*: no such file or folder\.$/,
    );
    expect(() => readPatch('60330-guard:1a2b3c4')).toThrow(/is how a run records a patch: name the file/);
  });
});

describe('fitPatches', () => {
  const fitted = (...files: string[]) => fitPatches(files.map(readPatch), site, 'Airflow 3.1.8');

  test('applies several in their order, also where lines have moved, and writes nothing', async () => {
    const file = installed(DAGRUN, `# moved\n# down\n${TEXT}`);
    const first = patchWith(change(DAGRUN, 'old', 'new'), 'a.patch');
    const second = patchWith(change(DAGRUN, 'new', 'newer'), 'b.patch');
    expect(await fitted(first, second)).toEqual(new Map([[DAGRUN, '# moved\n# down\nabove\nnewer\nbelow\n']]));
    await expect(fitted(second, first)).rejects.toThrow(
      /^b does not fit Airflow 3\.1\.8: hunk 1 \(@@ -1,3 \+1,3 @@\) of /,
    );
    expect(readFileSync(file, 'utf8')).toBe(`# moved\n# down\n${TEXT}`);
  });

  test('says what does not fit, by file and hunk, all of it', async () => {
    installed(DAGRUN, `${TEXT}\n\n${'x\n'.repeat(9)}above\nother\nbelow\n`);
    installed('airflow/there.py', '1\n');
    installed('airflow/done.py', 'above\nnew\nbelow\n');
    installed('airflow/long.py', 'a\nb\n');
    const added = (file: string) => `--- /dev/null\n+++ b/${file}\n@@ -0,0 +1 @@\n+1\n`;
    const file = patchWith(
      change(DAGRUN, 'old', 'new') +
        change('x', 'second', 'hunk', 40).split('\n').slice(2).join('\n') +
        change('airflow/gone.py', 'old', 'new') +
        change('airflow/done.py', 'old', 'new') +
        added('airflow/there.py') +
        added('airflow/providers/no/x.py') +
        '--- a/airflow/long.py\n+++ /dev/null\n@@ -1 +0,0 @@\n-a\n',
    );
    await expect(fitted(file)).rejects.toThrow(UsageError);
    const said = await fitted(file).catch(({ message }: Error) => message.split('\n'));
    expect(said).toEqual([
      'fix does not fit Airflow 3.1.8: hunk 2 (@@ -39,3 +39,3 @@) of airflow/models/dagrun.py.',
      'fix does not fit Airflow 3.1.8: it changes airflow/gone.py, which is not installed.',
      'fix does not fit Airflow 3.1.8: airflow/done.py is as the patch makes it already.',
      'fix does not fit Airflow 3.1.8: it makes airflow/there.py, which is there.',
      'fix does not fit Airflow 3.1.8: it makes airflow/providers/no/x.py, and what that belongs to is not installed.',
      'fix does not fit Airflow 3.1.8: it removes airflow/long.py, which has more in it than the patch says.',
    ]);
  });

  test('changes each installed copy of a shared library', async () => {
    installed('airflow/_shared/logging/x.py', TEXT);
    const file = patchWith(change('shared/logging/src/airflow_shared/logging/x.py', 'old', 'new'));
    expect([...(await fitted(file)).keys()]).toEqual(['airflow/_shared/logging/x.py']);
    installed('airflow/sdk/_shared/logging/x.py', TEXT);
    expect((await fitted(file)).size).toBe(2);
  });
});

describe('writePatched', () => {
  const tools = { python: 'python3', signal: AbortSignal.timeout(60_000) };

  test('makes files of its own: what is installed is linked to the cache of uv', async () => {
    const file = installed(DAGRUN, 'old = 1\n');
    const cached = path.join(folder, 'cached.py');
    linkSync(file, cached);
    installed('airflow/gone.py', '');
    const patched = new Map([
      [DAGRUN, 'new = 1\n'],
      ['airflow/y/__init__.py', ''],
      ['airflow/gone.py', undefined],
    ]);
    await writePatched(patched, site, tools);
    expect(readFileSync(file, 'utf8')).toBe('new = 1\n');
    expect(readFileSync(cached, 'utf8')).toBe('old = 1\n');
    expect(existsSync(path.join(site, 'airflow/y/__init__.py'))).toBe(true);
    expect(existsSync(path.join(site, 'airflow/gone.py'))).toBe(false);
  });

  test('refuses what is no Python any more', async () => {
    installed(DAGRUN, 'old = 1\n');
    const broken = writePatched(new Map([[DAGRUN, 'new = = 1\n']]), site, tools);
    await expect(broken).rejects.toThrow(/^What was patched is no Python:[\s\S]*dagrun\.py[\s\S]*SyntaxError/);
    await expect(broken).rejects.toThrow(UsageError);
  });
});
