import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { buildOnce, type Once } from './build-once.ts';
import { TYPESCRIPT } from './installation.ts';

let root = '';
let folder = '';
beforeEach(() => {
  root = mkdtempSync(path.join(tmpdir(), 'wt-once-'));
  folder = path.join(root, 'things', 'thing');
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

/** The least that a lock may have. */
const STALE_MS = 2_000;

const said: string[] = [];
const once_ = (over: Partial<Once> = {}): Once => ({
  works: async (place) => existsSync(path.join(place, 'tool')),
  log: (line) => said.push(line),
  signal: new AbortController().signal,
  ...over,
});

async function makeTool(place: string): Promise<Record<string, unknown>> {
  mkdirSync(place);
  writeFileSync(path.join(place, 'tool'), '');
  return { made: 'yes' };
}

describe('buildOnce', () => {
  it('builds once and gives the same place and facts to later callers', async () => {
    const first = await buildOnce(folder, once_(), makeTool);
    const second = await buildOnce(folder, once_(), () => Promise.reject(new Error('built twice')));
    expect(second).toEqual(first);
    expect(first.facts).toEqual({ made: 'yes' });
  });

  it('builds once for two that come at the same time', async () => {
    let builds = 0;
    const slowly = async (place: string) => {
      builds += 1;
      await sleep(200);
      return await makeTool(place);
    };
    const [a, b] = await Promise.all([buildOnce(folder, once_(), slowly), buildOnce(folder, once_(), slowly)]);
    expect(a).toEqual(b);
    expect(builds).toBe(1);
    expect(said.join()).toContain('waiting for another windtunnel');
  });

  it('builds again when the existing build no longer works, and removes that', async () => {
    const first = await buildOnce(folder, once_(), makeTool);
    rmSync(path.join(first.place, 'tool'));
    const second = await buildOnce(folder, once_(), makeTool);
    expect(second.place).not.toBe(first.place);
    expect(readdirSync(folder).sort()).toEqual([path.basename(second.place), 'complete.json'].sort());
  });

  it('leaves nothing behind when the build fails', async () => {
    const failing = async (place: string) => {
      await makeTool(place);
      throw new Error('no space');
    };
    await expect(buildOnce(folder, once_(), failing)).rejects.toThrow('no space');
    expect(readdirSync(path.dirname(folder))).toEqual([]);
  });

  it('leaves nothing behind when it is interrupted', async () => {
    const user = new AbortController();
    const forEver = async (place: string, signal: AbortSignal) => {
      await makeTool(place);
      setTimeout(() => user.abort(new Error('Ctrl-C')), 20);
      await sleep(60_000, undefined, { signal });
      return {};
    };
    await expect(buildOnce(folder, once_({ signal: user.signal }), forEver)).rejects.toThrow();
    expect(readdirSync(path.dirname(folder))).toEqual([]);
  });

  it('repairs what a killed build left, as soon as its lock is stale', async () => {
    const script = `
      import { buildOnce } from ${JSON.stringify(pathToFileURL(path.join(import.meta.dirname, 'build-once.ts')).href)};
      import { mkdirSync } from 'node:fs';
      const forEver = new AbortController().signal;
      const settings = { works: async () => false, log() {}, signal: forEver, staleMs: ${STALE_MS} };
      buildOnce(${JSON.stringify(folder)}, settings, async (place) => {
        mkdirSync(place);
        console.log('building');
        await new Promise((resolve) => setTimeout(resolve, 60_000));
        return {};
      });`;
    const file = path.join(root, 'killed.mts');
    writeFileSync(file, script);
    const child = spawn(process.execPath, ['--import', TYPESCRIPT, file], { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(child.stdout, 'data', { signal: AbortSignal.timeout(60_000) });
    child.kill('SIGKILL');
    await once(child, 'exit', { signal: AbortSignal.timeout(60_000) });
    expect(readdirSync(folder)).toHaveLength(1);

    const built = await buildOnce(folder, once_({ staleMs: STALE_MS }), makeTool);
    expect(readdirSync(folder).sort()).toEqual([path.basename(built.place), 'complete.json'].sort());
  });
});
