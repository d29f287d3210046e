import { vi } from 'vitest';

import { main } from '../harness/cli.ts';

export interface Called {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Calls the program in this process, as a user in `cwd` would with these words: milliseconds instead of a start of
 * Node.
 */
export async function callInProcess(
  words: readonly string[],
  cwd: string,
  env: NodeJS.ProcessEnv = {},
): Promise<Called> {
  let stdout = '';
  let stderr = '';
  const spies = [
    vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
      stdout += text;
      return true;
    }),
    vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
      stderr += text;
      return true;
    }),
    vi.spyOn(console, 'log').mockImplementation((text) => {
      stdout += `${text}\n`;
    }),
    vi.spyOn(console, 'error').mockImplementation((text) => {
      stderr += `${text}\n`;
    }),
  ];
  const before = process.cwd();
  const listeners = (['SIGINT', 'SIGTERM', 'SIGHUP'] as const).map((name) => [name, process.listeners(name)] as const);
  for (const [name, value] of Object.entries({ NO_COLOR: '1', ...env })) vi.stubEnv(name, value);
  process.chdir(cwd);
  try {
    const code = await main(words, process);
    return { code, stdout, stderr };
  } finally {
    process.chdir(before);
    vi.unstubAllEnvs();
    for (const spy of spies) spy.mockRestore();
    // What a command does on Ctrl-C, which is meant for its own process.
    for (const [name, kept] of listeners) {
      for (const listener of process.listeners(name)) if (!kept.includes(listener)) process.off(name, listener);
    }
  }
}
