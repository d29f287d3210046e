import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterAll, beforeAll, expect, test } from 'vitest';

import type { Soak } from '../model/soak.ts';
import { newSoak } from './begin.ts';
import { checkResume, commandToResume } from './resume.ts';

let cwd: string;
let soak: Soak;
beforeAll(async () => {
  cwd = mkdtempSync(path.join(tmpdir(), 'windtunnel-resume-'));
  ({ soak } = await newSoak({ scenario: 'seeds', build: 'reference', duration: '20m', window: '10m' }));
});
afterAll(() => rmSync(cwd, { recursive: true, force: true }));

function stored(name: string, change: object): string {
  const folder = path.join(cwd, name);
  for (const part of ['windows', 'logs']) mkdirSync(path.join(folder, part), { recursive: true });
  writeFileSync(path.join(folder, 'soak.json'), JSON.stringify({ ...soak, ...change }));
  return folder;
}

const window = { number: 1, attempt: 1, session: 1, seed: 1, started_at: '', ended: null, seam_s: null, judged: null };
const windowIn = (folder: string) => [{ ...window, folder, bytes: 0, whole: true, readings: {} }];

test('a soak is resumed as it was stored', async () => {
  await checkResume({}, stored('good', { windows: windowIn('windows/0001-2') }));
});

test.each(['../victim', '/etc', 'windows/..', 'windows/../../victim', 'windows/0001/../../..', '', 'windows'])(
  'a window is a folder of the soak and no other: %j',
  async (folder) => {
    mkdirSync(path.join(cwd, 'victim'), { recursive: true });
    const refused = checkResume({}, stored('astray', { windows: windowIn(folder) }));
    await expect(refused).rejects.toThrow(
      /soak\.json was damaged or edited:\n {2}- windows\.0\.folder: must be a folder/,
    );
    expect(existsSync(path.join(cwd, 'victim'))).toBe(true);
  },
);

test('what is of another kind, and a plan that no scenario file could have, is all said at once', async () => {
  const { scenario } = soak.plan;
  const change = { state: 'gone', keep: 7, plan: { seed: 1, scenario: { ...scenario, dags: [] } } };
  const refused = checkResume({}, stored('kinds', change));
  await expect(refused).rejects.toThrow(
    /plan\.scenario\.dags: must have[\s\S]*keep: must be[\s\S]*state: must be one of/,
  );
});

test.each(['windows', 'logs', 'soak.md'])(
  'a link is refused, because the soak would write through it: %s',
  async (name) => {
    const folder = stored(`link-${name}`, {});
    rmSync(path.join(folder, name), { recursive: true, force: true });
    symlinkSync(cwd, path.join(folder, name));
    await expect(checkResume({}, folder)).rejects.toThrow(/a link or a special file, which no folder of a soak has/);
  },
);

test.each([
  [{ build: 'airflow@/tmp/a b' }, {}, /names airflow@\/tmp\/a b, .* add --build 'airflow@\/tmp\/a b'/],
  [{ target: '/tmp/t.yaml' }, {}, /names \/tmp\/t\.yaml, which would be used: .* add --target \/tmp\/t\.yaml/],
  [{ target: '/tmp/t.yaml' }, { target: '/tmp/u.yaml' }, /is a soak of \/tmp\/t\.yaml: --resume cannot change that/],
  [{ build: 'reference' }, { build: 'airflow@3.2.1' }, /is a soak of reference: --resume cannot change that/],
  [{ build: 'x\u001b]0;y' }, {}, /is not a build/],
])(
  'a checkout or a target of a stored soak is used only if the command line names it: %j',
  async (subject, flags, why) => {
    await expect(checkResume(flags, stored('subject', { subject }))).rejects.toThrow(why);
  },
);

test('a target that the command line names as well is meant, and the command that continues names it', async () => {
  const subject = { target: '/tmp/t.yaml' };
  const folder = stored('named', { subject });
  await checkResume({ target: '/tmp/t.yaml' }, folder);
  expect(commandToResume('a b', { ...soak, subject })).toBe("windtunnel soak --resume 'a b' --target /tmp/t.yaml");
  expect(commandToResume('a', soak)).toBe('windtunnel soak --resume a');
});
