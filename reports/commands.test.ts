import { execFileSync } from 'node:child_process';

import { expect, test } from 'vitest';

import { commandToRepeat, shellWord } from './commands.ts';

const words = ["Ada's stack.yaml", '$(touch x)', 'seeds', '`id`', 'a\\b', "''"];

test('a word of a command is the same word for a shell', () => {
  for (const word of words) {
    expect(execFileSync('sh', ['-c', `printf %s ${shellWord(word)}`], { encoding: 'utf8' })).toBe(word);
  }
});

test.each(['windtunnel run seeds --build airflow@3.2.1 --seed 7', `windtunnel run ${words.map(shellWord).join(' ')}`])(
  'a stated command is shown as it is: %s',
  (stated) => {
    expect(commandToRepeat('my run', stated)).toBe(stated);
  },
);

test.each([
  'windtunnel run seeds; curl http://127.0.0.1/x|sh #',
  'windtunnel run seeds\nid',
  "windtunnel run 'a\nid'",
  'windtunnel run $(id)',
  'windtunnel run "seeds"',
  "windtunnel run 'a",
  'rm -rf x',
  '',
])('what a shell would take for more than one command is not shown: %j', (stated) => {
  expect(commandToRepeat('my run', stated)).toBe("windtunnel run 'my run'");
});
