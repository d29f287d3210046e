import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { expectNothingLeft, stacksFolder, start, until, windtunnel } from './airflow.ts';

let cwd: string;
let TMPDIR: string;

beforeAll(() => {
  cwd = mkdtempSync(path.join(tmpdir(), 'windtunnel-test-'));
  TMPDIR = stacksFolder(cwd);
});

afterAll(() => rmSync(cwd, { recursive: true, force: true }));

test('a database template of which only half was copied at kill -9 is taken away, and never used', async () => {
  const WINDTUNNEL_CACHE = path.join(cwd, 'cache');
  const programs = path.join(cwd, 'programs');
  mkdirSync(programs);
  // `cp -a FROM TO` that comes no further than the first folder.
  writeFileSync(path.join(programs, 'cp'), '#!/bin/sh\nmkdir "$3" && touch "$3/half" && exec sleep 60\n');
  chmodSync(path.join(programs, 'cp'), 0o755);

  const args = ['run', 'seeds', '--build', 'reference', '--duration', '3s'];
  const PATH = `${programs}:${process.env.PATH}`;
  const run = start(args, cwd, { TMPDIR, WINDTUNNEL_CACHE, PATH });
  const templates = path.join(WINDTUNNEL_CACHE, 'templates');
  const inTemplates = () =>
    existsSync(templates) ? readdirSync(templates, { recursive: true, encoding: 'utf8' }).map(String) : [];
  await until('half of a template', () => inTemplates().some((name) => name.endsWith('/half')));
  run.kill('SIGKILL');
  await run.ended;

  const heal = await windtunnel(['heal'], cwd, { TMPDIR, WINDTUNNEL_CACHE });
  expect(heal).toMatchObject({ code: 0, stderr: '' });
  expect(inTemplates().filter((name) => name.includes('/'))).toEqual([]);
  expectNothingLeft(TMPDIR);

  const again = await windtunnel([...args, '--json'], cwd, { TMPDIR, WINDTUNNEL_CACHE });
  expect(again.code, again.stderr.slice(-500)).toBeLessThan(70);
  expect(inTemplates().some((name) => name.endsWith('/pgdata'))).toBe(true);
  expect(inTemplates().some((name) => name.includes('/next-'))).toBe(false);
});
