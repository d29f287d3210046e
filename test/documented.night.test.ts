import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterAll, expect, test, vi } from 'vitest';

import { documentedCommands, PLAYED, shortened } from './documented.ts';

/**
 * The commands of the documents that take minutes, with their load and their rounds cut to seconds: that they work is
 * what is tested, not what they find. About a minute for each; `npm run documented -- -t WORD` runs those with a word.
 */
vi.setConfig({ testTimeout: 15 * 60_000 });

const root = path.join(import.meta.dirname, '..');
const BIN = path.join(root, 'bin', 'windtunnel.mjs');
const cwd = mkdtempSync(path.join(tmpdir(), 'windtunnel-documented-'));
afterAll(() => rmSync(cwd, { recursive: true, force: true }));

const nightly = (await documentedCommands()).filter(
  ({ line }) => PLAYED.find((rule) => rule.lines.test(line))?.when === 'nightly',
);
const short = nightly.flatMap(({ words }) => [shortened(words) ?? []]).filter((words) => words.length > 0);
/** Two that differ in the order of their flags are one. */
const commands = [...new Map(short.map((words) => [words.toSorted().join(' '), words])).values()];

test.each(commands.map((words) => ({ line: words.join(' '), words })))(
  '$line',
  async ({ words: [program = '', ...args] }) => {
    const own = program === 'windtunnel';
    const [file, words] = own ? [process.execPath, [BIN, ...args]] : [program, args];
    const [code, stderr] = await new Promise<[unknown, string]>((resolve) => {
      execFile(file, words, { cwd: own ? cwd : root, maxBuffer: 2 ** 26 }, (error, _out, said) => {
        resolve([error === null ? 0 : error.code, said]);
      });
    });
    // A verdict of fail or unknown proves nothing after seconds of load.
    expect(own ? [0, 1, 3] : [0], stderr.slice(-1_500)).toContain(code);
  },
);
