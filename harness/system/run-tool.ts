import { execFile } from 'node:child_process';

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
    const settings = { env: toolEnvironment(process.env), timeout: timeoutMs, signal, maxBuffer: 32_000_000, cwd };
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

/** Settings of pip and uv that say where packages come from and how to reach them. */
const SOURCES = new RegExp(
  `^(PIP|UV)_(${[
    'INDEX|DEFAULT_INDEX|EXTRA_INDEX|FIND_LINKS|NO_INDEX|CONFIG_FILE|OFFLINE|CACHE_DIR|LINK_MODE',
    'CERT|CLIENT_CERT|NATIVE_TLS|SYSTEM_CERTS|PROXY|TRUSTED_HOST|INSECURE_HOST|KEYRING|HTTP',
    'DEFAULT_TIMEOUT|TIMEOUT|REQUEST_TIMEOUT|RETRIES|CONCURRENT',
  ].join('|')})`,
);

/**
 * The user's environment without the settings of Python, pip and uv that would change which packages are installed;
 * those of `SOURCES` stay. Also for what runs from the venv later: with PYTHONDONTWRITEBYTECODE every start would
 * compile Airflow again.
 */
export function toolEnvironment(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const kept = Object.entries(env).filter(
    ([name]) => !/^(PIP_|UV_|PYTHON|VIRTUAL_ENV$|CONDA_PREFIX$)/.test(name) || SOURCES.test(name),
  );
  return {
    ...Object.fromEntries(kept),
    UV_PYTHON_DOWNLOADS: 'never',
    UV_NO_PROGRESS: '1',
    PIP_DISABLE_PIP_VERSION_CHECK: '1',
  };
}
