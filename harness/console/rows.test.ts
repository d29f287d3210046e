import { afterEach, expect, test, vi } from 'vitest';

import { main } from '../cli.ts';
import { writeLiteralRun } from '../testing/literal-run.ts';
import { printRows } from './rows.ts';

const HOSTILE = 'a\u001b]0;title\u0007\u009b31m\u202egnp.exe\tb\nc';
// biome-ignore lint/suspicious/noControlCharactersInRegex: what a terminal would obey
const OBEYED = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202e]/;

async function* pieces() {
  yield { columns: [`n${HOSTILE}`], rows: [[HOSTILE], [{ [HOSTILE]: HOSTILE }], [null]] };
}

const wasTty = process.stdout.isTTY;
afterEach(() => {
  vi.restoreAllMocks();
  process.stdout.isTTY = wasTty;
});

async function printed(json: boolean, isTty: boolean): Promise<string> {
  let text = '';
  process.stdout.isTTY = isTty;
  vi.spyOn(process.stdout, 'write').mockImplementation((chunk) => {
    text += String(chunk);
    return true;
  });
  await printRows(pieces(), json);
  return text;
}

test('no cell and no column has what a terminal would obey, aligned, with tabs, or as JSON', async () => {
  for (const isTty of [true, false]) {
    const text = await printed(false, isTty);
    expect(text).not.toMatch(OBEYED);
    expect(text).toContain('a\\u{1b}]0;title\\u{7}\\u{9b}31m\\u{202e}gnp.exe b c');
    expect(text.split('\n')).toHaveLength(isTty ? 6 : 5);
  }
  const json = await printed(true, false);
  expect(json).not.toMatch(OBEYED);
  expect(JSON.parse(json)[0]).toEqual({ [`n${HOSTILE}`]: HOSTILE });
});

test('nor has what the program says of a build or of a manifest', async () => {
  const run = writeLiteralRun({ manifest: { format: 99, windtunnel: HOSTILE } });
  const said: string[] = [];
  const stderr = { write: (chunk: string) => said.push(chunk) } as unknown as NodeJS.WritableStream;
  try {
    expect(await main(['run', 'seeds', '--build', `x${HOSTILE}`], { stdout: process.stdout, stderr })).toBe(2);
    expect(await main(['check', run.folder], { stdout: process.stdout, stderr })).toBe(2);
  } finally {
    run.remove();
  }
  const text = said.join('');
  expect(text).toContain('is not a build');
  expect(text).toContain('use the version that wrote it (a\\u{1b}]0;title');
  expect(text).not.toMatch(OBEYED);
});
