import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

import { expect, test } from 'vitest';
import { Timings } from './timings.ts';

test('steps stand in the order in which they began, those beside each other and those that failed too', async () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'wt-timings-'));
  try {
    let now = 0;
    const timings = new Timings({ now: () => now });
    let end = (): void => undefined;
    const outer = timings.time('outer', () => new Promise<void>((resolve) => (end = resolve)));
    now = 10;
    const failed = timings.time('inner', async () => {
      now = 25;
      throw new Error('no');
    });
    await expect(failed).rejects.toThrow('no');
    now = 40;
    end();
    await outer;
    await timings.write(folder);
    expect(JSON.parse(readFileSync(path.join(folder, 'timings.json'), 'utf8'))).toEqual({
      steps: [
        { step: 'outer', began_ms: 0, ended_ms: 40 },
        { step: 'inner', began_ms: 10, ended_ms: 25 },
      ],
      cpu_s: {},
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test.runIf(process.platform === 'linux')(
  'the CPU of a moment is that of each living process, and the harness',
  async () => {
    const folder = mkdtempSync(path.join(os.tmpdir(), 'wt-timings-'));
    try {
      const timings = new Timings({ now: () => 0 });
      const living = { name: 'this', pid: process.pid, log: '', ended: new Promise<string>(() => undefined) };
      timings.noteProcesses('ready', [living, { ...living, name: 'gone', pid: 2 ** 22 + 1 }]);
      await timings.write(folder);
      const { cpu_s } = JSON.parse(readFileSync(path.join(folder, 'timings.json'), 'utf8'));
      expect(Object.keys(cpu_s.ready)).toEqual(['this', 'harness']);
      expect(cpu_s.ready.this).toBeGreaterThan(0);
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
);

test('a folder that has gone is no error: nothing is judged by it', async () => {
  const gone = path.join(os.tmpdir(), 'wt-timings-gone');
  await new Timings({ now: () => 0 }).write(gone);
  expect(existsSync(gone)).toBe(false);
});
