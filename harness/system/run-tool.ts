import { execFile } from 'node:child_process';

import { childEnvironment } from './environment.ts';

export interface ToolResult {
  /** Null when it could not be started or was killed. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** It took longer than it may, and was killed. */
  readonly timedOut: boolean;
}

export interface ToolOptions {
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  /** A folder without a project in it: uv reads settings from the ones above. */
  readonly cwd?: string;
  readonly stdin?: string;
}

/** Runs a short-lived tool to its end. Rejects only when `signal` is aborted. */
export function runTool(command: string, args: readonly string[], options: ToolOptions): Promise<ToolResult> {
  const { timeoutMs, signal, cwd } = options;
  signal.throwIfAborted();
  return new Promise((resolve, reject) => {
    const settings = { env: toolEnvironment(), timeout: timeoutMs, signal, maxBuffer: 32_000_000, cwd };
    const child = execFile(command, args, settings, (error, stdout, stderr) => {
      if (signal.aborted) {
        reject(signal.reason);
        return;
      }
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : null;
      resolve({ code, stdout, stderr: stderr || (error?.message ?? ''), timedOut: error?.killed === true });
    });
    // Nothing reads it if the tool could not be started.
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(options.stdin ?? '');
  });
}

/** For programs that reach the network to install something. */
export function toolEnvironment(env = process.env): NodeJS.ProcessEnv {
  return {
    ...childEnvironment(env, 'packages'),
    UV_PYTHON_DOWNLOADS: 'never',
    UV_NO_PROGRESS: '1',
    PIP_DISABLE_PIP_VERSION_CHECK: '1',
  };
}
