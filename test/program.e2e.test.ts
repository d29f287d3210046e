import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { WINDTUNNEL } from '../harness/system/installation.ts';
import { expectNothingLeft, stacksFolder, start, until, windtunnel } from './airflow.ts';
import { missing } from './missing.ts';

/** How the program starts: from a checkout and from a package, on each Node, and with nothing of other users. */

const ROOT = path.join(import.meta.dirname, '..');
let cwd: string;

beforeAll(() => {
  cwd = mkdtempSync(path.join(tmpdir(), 'windtunnel-program-'));
});

afterAll(() => rmSync(cwd, { recursive: true, force: true }));

/** Of the Node that runs the tests, and of the programs that WINDTUNNEL_NODES names, separated by colons. */
const nodes = new Map(
  [process.execPath, ...(process.env.WINDTUNNEL_NODES?.split(':') ?? [])].map((file) => [
    execFileSync(file, ['--version'], { encoding: 'utf8' }).replace(/^v(\d+)[\s\S]*/, '$1'),
    file,
  ]),
);

for (const major of ['20', '22', '24']) {
  const node = nodes.get(major);
  if (node === undefined)
    missing(
      `Node ${major}`,
      `npm ci --prefix test/nodes, and WINDTUNNEL_NODES=$PWD/test/nodes/node_modules/node${major}-x64/bin/node`,
    );

  describe.skipIf(node === undefined)(`on Node ${major}`, () => {
    const says = (...args: string[]) => execFileSync(node ?? '', [WINDTUNNEL, ...args], { cwd, encoding: 'utf8' });

    test('--help loads no command, and list does', () => {
      expect(says('--help')).toMatch(/windtunnel <command>[\s\S]*windtunnel run <scenario>[\s\S]*exit: 0 pass/);
      expect(JSON.parse(says('list', '--json')).scenarios.length).toBeGreaterThan(10);
    });

    test("a user's scenario is TypeScript, whatever the package.json beside it says", async () => {
      const folder = mkdtempSync(path.join(cwd, 'own-'));
      writeFileSync(path.join(folder, 'package.json'), '{ "type": "commonjs" }');
      writeFileSync(path.join(folder, 'own.ts'), `export const scenario: { name: string } = { name: 'Bad Name' };`);
      expect(() => says('run', path.join(folder, 'own.ts'))).toThrow(/name: lower-case letters, digits and dashes/);
    });
  });
}

test('--help loads none of the commands', () => {
  const cli = readFileSync(path.join(ROOT, 'harness', 'cli.ts'), 'utf8');
  const loaded = new Set<string>();
  const load = (file: string): void => {
    if (loaded.has(file)) return;
    loaded.add(file);
    for (const [, specifier = ''] of readFileSync(file, 'utf8').matchAll(/^import (?!type ).* from '(\.[^']+)'/gm))
      load(path.join(path.dirname(file), specifier));
  };
  load(path.join(ROOT, 'harness', 'cli.ts'));
  expect(cli).toContain("import('./commands/run.ts')");
  expect([...loaded].filter((file) => file.includes('/commands/'))).toEqual([]);
  expect(loaded.size).toBeLessThan(10);
});

test('no code is kept in the folder of temporary files, where another user could have put it first', async () => {
  const TMPDIR = mkdtempSync(path.join(cwd, 'tmp-'));
  // Where tsx kept compiled files: it used a folder of this name also if another user had made it.
  const planted = path.join(`tsx-${process.getuid?.()}`, 'planted');
  mkdirSync(path.dirname(path.join(TMPDIR, planted)));
  writeFileSync(path.join(TMPDIR, planted), 'process.exit(9)');
  const { code, stderr } = await windtunnel(['list'], cwd, { TMPDIR });
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(readdirSync(TMPDIR, { recursive: true })).toEqual([path.dirname(planted), planted]);
});

test('output that is no longer read is no error', async () => {
  const child = spawn(process.execPath, [WINDTUNNEL, 'list'], { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
  child.stdout.destroy();
  let stderr = '';
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk;
  });
  const [code] = await once(child, 'close');
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
});

test('the exit code is the one of the command', async () => {
  expect(await windtunnel(['check', 'nowhere'], cwd)).toMatchObject({ code: 2, stdout: '' });
});

test('Ctrl-C ends a stack that is up, and leaves nothing', { timeout: 120_000 }, async () => {
  const up = start(['up', 'reference', '--schedulers', '1'], cwd);
  await until('the target file', () => existsSync(path.join(cwd, 'windtunnel-target.yaml')));
  up.kill('SIGINT');
  expect((await up.ended).code).toBe(0);
  expect(existsSync(path.join(cwd, 'windtunnel-target.yaml'))).toBe(false);
});

test('an uncaught error ends a stack in order, and not with the exit code of a violation', {
  timeout: 120_000,
}, async () => {
  const planted = path.join(cwd, 'planted.mjs');
  const crash = `process.on('SIGUSR2', () => { throw new Error('planted'); });`;
  writeFileSync(planted, `if (process.argv.includes('up')) ${crash}`);
  const TMPDIR = stacksFolder(cwd);
  const up = start(['up', 'reference', '--schedulers', '1'], cwd, { NODE_OPTIONS: `--import ${planted}`, TMPDIR });
  await until('the target file', () => existsSync(path.join(cwd, 'windtunnel-target.yaml')));
  up.kill('SIGUSR2');
  const { code, stderr } = await up.ended;
  expect(code).toBe(70);
  expect(stderr).toMatch(/Error: planted\n +at [\s\S]*An error in windtunnel itself: ending/);
  expect(existsSync(path.join(cwd, 'windtunnel-target.yaml'))).toBe(false);
  expectNothingLeft(TMPDIR);
});

test('without its packages the program says so, and has an exit code of its own', () => {
  const copy = path.join(cwd, 'copy');
  for (const part of ['bin', 'harness', 'package.json'])
    cpSync(path.join(ROOT, part), path.join(copy, part), { recursive: true });
  const { status, stderr } = spawnSync(process.execPath, [path.join(copy, 'bin', 'windtunnel.mjs'), 'check', 'x'], {
    encoding: 'utf8',
  });
  expect(status).toBe(70);
  expect(stderr).toMatch(/Install the packages of windtunnel first: npm ci --ignore-scripts/);
});

test('doctor starts a PostgreSQL to say that it can', async () => {
  const { stdout } = await windtunnel(['doctor', '--json'], cwd);
  const parts = Object.fromEntries(
    JSON.parse(stdout).findings.map((f: { part: string; state: string }) => [f.part, f.state]),
  );
  expect(parts).toMatchObject({ Node: 'ok', PostgreSQL: 'ok' });
});

describe('a package that is installed elsewhere', () => {
  let folder: string;

  beforeAll(() => {
    folder = mkdtempSync(path.join(cwd, 'elsewhere-'));
    execFileSync('npm', ['pack', '--silent', '--pack-destination', folder], { cwd: ROOT, stdio: 'pipe' });
    const [archive = ''] = readdirSync(folder);
    const modules = path.join(folder, 'node_modules');
    const home = path.join(modules, 'airflow-windtunnel');
    mkdirSync(home, { recursive: true });
    execFileSync('tar', ['-xzf', path.join(folder, archive), '-C', home, '--strip-components', '1']);
    // The packages that npm would install beside it, which are here: those it names, and theirs.
    for (const name of installed()) {
      const place = path.join(modules, name);
      mkdirSync(path.dirname(place), { recursive: true });
      symlinkSync(path.join(ROOT, 'node_modules', name), place);
    }
  }, 120_000);

  /** Names of packages, without those that only the development needs. */
  function installed(): string[] {
    const args = ['ls', '--omit', 'dev', '--all', '--parseable'];
    const folders = execFileSync('npm', args, { cwd: ROOT, encoding: 'utf8' }).trim().split('\n').slice(1);
    const names = folders.map((one) => path.relative(path.join(ROOT, 'node_modules'), one));
    return names.filter((name) => !name.includes('node_modules'));
  }

  const program = () => path.join(folder, 'node_modules', 'airflow-windtunnel', 'bin', 'windtunnel.mjs');

  test('is JavaScript, and the types of a scenario', () => {
    const home = path.dirname(path.dirname(program()));
    const files = readdirSync(home, { recursive: true, encoding: 'utf8' });
    expect(files.filter((file) => /\.(test|bench)\./.test(file))).toEqual([]);
    const sources = files.filter((file) => file.endsWith('.ts'));
    expect(sources.filter((file) => !file.startsWith('harness/model/'))).toEqual([]);
    expect(sources).toContain('harness/model/scenario.ts');
    expect(realpathSync(home)).toBe(home);
  });

  test.each([...nodes])('lists what there is on Node %s', (_major, node) => {
    const listed = execFileSync(node, [program(), 'list', '--json'], { cwd: folder, encoding: 'utf8' });
    expect(JSON.parse(listed).scenarios.length).toBeGreaterThan(10);
  });

  test('runs the reference stack', { timeout: 180_000 }, async () => {
    const args = ['run', 'seeds', '--build', 'reference', '--duration', '5s', '--out', 'run', '--quiet'];
    const child = spawn(process.execPath, [program(), ...args], { cwd: folder, stdio: 'ignore' });
    const [code] = await once(child, 'close');
    // Five seconds are too short to say that all is well.
    expect([0, 3]).toContain(code);
    const { ended, windtunnel: version } = JSON.parse(readFileSync(path.join(folder, 'run', 'manifest.json'), 'utf8'));
    expect({ ended, version }).toEqual({ ended: 'completed', version: expect.stringMatching(/^\d+\.\d+\.\d+$/) });
  });
});
