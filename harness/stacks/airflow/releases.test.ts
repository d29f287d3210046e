import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { StackError, UsageError } from '../../model/errors.ts';
import { installAirflow } from './install.ts';
import { indexError, knownReleases, releaseDate } from './releases.ts';

const resolver = {
  uv: 'no-uv-is-needed',
  pythonVersion: '3.11',
  log: () => undefined,
  signal: AbortSignal.timeout(60_000),
};
const failed = (stderr: string) => ({ code: 2, stdout: '', stderr, timedOut: false });

let cache = '';
const before = process.env.WINDTUNNEL_CACHE;
beforeEach(() => {
  cache = mkdtempSync(path.join(tmpdir(), 'wt-cache-'));
  process.env.WINDTUNNEL_CACHE = cache;
});
afterEach(() => {
  rmSync(cache, { recursive: true, force: true });
  if (before === undefined) delete process.env.WINDTUNNEL_CACHE;
  else process.env.WINDTUNNEL_CACHE = before;
});

describe('releaseDate', () => {
  it('is the end of the known day in UTC, whatever the time zone here', async () => {
    expect(await releaseDate('3.2.1', resolver)).toBe('2026-04-30T00:00:00.000Z');
    expect(knownReleases()).toContain('3.2.1');
  });

  it('is found once and then remembered', async () => {
    writeFileSync(path.join(cache, 'airflow-releases.json'), '{"3.3.1":"2026-08-13"}');
    expect(await releaseDate('3.3.1', resolver)).toBe('2026-08-14T00:00:00.000Z');
  });

  it('refuses releases before 3.1 without asking anyone', async () => {
    for (const version of ['3.0.6', '2.11.0']) await expect(releaseDate(version, resolver)).rejects.toThrow(UsageError);
  });

  it('blames the machine when uv cannot be run', async () => {
    await expect(releaseDate('3.1.7', resolver)).rejects.toThrow(StackError);
  });
});

describe('indexError', () => {
  it.each([
    'error: Request failed after 3 retries\n  cause: Failed to fetch: `somewhere`\n  cause: dns error',
    'error: error sending\n request for url\n  cause: tcp connect error',
    'hint: Packages were unavailable because the network was disabled.',
  ])('says that the index cannot be reached: %s', (stderr) => {
    expect(indexError('It failed', failed(stderr)).message).toMatch(/package index cannot be reached.*HTTPS_PROXY/);
  });

  it('gives the end of any other failure, without credentials', () => {
    const { message } = indexError('It failed', failed('error: cannot build wheel from https://me:pw@index/simple'));
    expect(message).toBe('It failed:\nerror: cannot build wheel from ***@index/simple');
  });
});

describe('installAirflow', () => {
  it.each(['foo', '3.2', '3.2.1+local', ''])('refuses %j, which is no version', async (version) => {
    await expect(installAirflow(version, { log: () => undefined, signal: resolver.signal })).rejects.toThrow(
      UsageError,
    );
  });

  it('refuses a folder that is no checkout', async () => {
    const wish = installAirflow(cache, { log: () => undefined, signal: resolver.signal });
    // Without any Python that is what is missing first.
    await expect(wish).rejects.toThrow(/is not an Airflow checkout|Airflow needs Python/);
  });

  it('names the remedy when there is no Python', async () => {
    const { PATH, WINDTUNNEL_PYTHON } = process.env;
    process.env.PATH = cache;
    delete process.env.WINDTUNNEL_PYTHON;
    try {
      const wish = installAirflow('3.2.1', { log: () => undefined, signal: resolver.signal });
      await expect(wish).rejects.toThrow(/needs Python 3.10 to 3.14 and there is none on PATH.*Install one/);
    } finally {
      process.env.PATH = PATH;
      if (WINDTUNNEL_PYTHON !== undefined) process.env.WINDTUNNEL_PYTHON = WINDTUNNEL_PYTHON;
    }
  });
});
