import { describe, expect, it } from 'vitest';

import { UsageError } from '../model/errors.ts';
import { childEnvironment } from './environment.ts';
import { runTool, toolEnvironment } from './run-tool.ts';

const signal = new AbortController().signal;

describe('runTool', () => {
  it('gives the exit code and what was said', async () => {
    const code = 'process.stdout.write("out"); process.stderr.write("err"); process.exit(3)';
    const result = await runTool(process.execPath, ['-e', code], { timeoutMs: 10_000, signal });
    expect(result).toEqual({ code: 3, stdout: 'out', stderr: 'err', timedOut: false });
  });

  it('has no exit code for a tool that is not there', async () => {
    const result = await runTool('no-such-tool-anywhere', [], { timeoutMs: 10_000, signal });
    expect(result).toMatchObject({ code: null, timedOut: false });
    expect(result.stderr).toContain('ENOENT');
  });

  it('ends a tool that takes too long and says so', async () => {
    const forEver = ['-e', 'setInterval(() => {}, 1000)'];
    expect(await runTool(process.execPath, forEver, { timeoutMs: 200, signal })).toMatchObject({ timedOut: true });
  });

  it('ends a tool when the user ends the run', async () => {
    const reason = new Error('Ctrl-C');
    const user = new AbortController();
    setTimeout(() => user.abort(reason), 100);
    const forEver = ['-e', 'setInterval(() => {}, 1000)'];
    await expect(runTool(process.execPath, forEver, { timeoutMs: 10_000, signal: user.signal })).rejects.toBe(reason);
  });
});

describe('toolEnvironment', () => {
  it('keeps where packages come from, and drops what changes which ones or how they run', () => {
    const env = toolEnvironment({
      PATH: '/bin',
      HTTPS_PROXY: 'proxy',
      PIP_INDEX_URL: 'index',
      UV_DEFAULT_INDEX: 'index',
      UV_CACHE_DIR: '/cache',
      PIP_TARGET: '/elsewhere',
      PIP_CONSTRAINT: 'c.txt',
      UV_EXCLUDE_NEWER: '2020-01-01',
      UV_PRERELEASE: 'allow',
      PYTHONPATH: '/mine',
      PYTHONDONTWRITEBYTECODE: '1',
      VIRTUAL_ENV: '/venv',
    });
    expect(Object.keys(env).sort()).toEqual(
      [
        'HTTPS_PROXY',
        'PATH',
        'PIP_DISABLE_PIP_VERSION_CHECK',
        'PIP_INDEX_URL',
        'UV_CACHE_DIR',
        'UV_DEFAULT_INDEX',
        'UV_NO_PROGRESS',
        'UV_PYTHON_DOWNLOADS',
      ].sort(),
    );
  });
});

describe('childEnvironment', () => {
  const env = {
    PATH: '/bin',
    LC_ALL: 'C',
    TZ: 'UTC',
    https_proxy: 'proxy',
    NO_PROXY: 'here',
    PIP_INDEX_URL: 'index',
    GITHUB_TOKEN: 'secret',
    AWS_SECRET_ACCESS_KEY: 'secret',
    WINDTUNNEL_DB_PASSWORD: 'secret',
    WINDTUNNEL_HANDOFF_TOKEN: 'secret',
    STAGING_JWT_SECRET: 'secret',
    AIRFLOW__CORE__FERNET_KEY: 'secret',
    AIRFLOW__SCHEDULER__PARSING_PROCESSES: '1',
    SSH_AUTH_SOCK: '/agent',
    PATH_TO_SECRET: 'secret',
  };

  it('has what programs need, and nothing that is secret', () => {
    expect(Object.keys(childEnvironment(env))).toEqual(['PATH', 'LC_ALL', 'TZ']);
    expect(Object.keys(childEnvironment(env, 'network'))).toEqual(['PATH', 'LC_ALL', 'TZ', 'https_proxy', 'NO_PROXY']);
    expect(Object.keys(childEnvironment(env, 'packages'))).toContain('PIP_INDEX_URL');
  });

  it('has what WINDTUNNEL_PASS_ENV names', () => {
    const names = Object.keys(
      childEnvironment({ ...env, WINDTUNNEL_PASS_ENV: 'SSH_AUTH_SOCK, AIRFLOW__SCHEDULER__* NOT_SET' }),
    );
    expect(names).toEqual(['PATH', 'LC_ALL', 'TZ', 'AIRFLOW__SCHEDULER__PARSING_PROCESSES', 'SSH_AUTH_SOCK']);
    expect(() => childEnvironment({ WINDTUNNEL_PASS_ENV: 'A=b' })).toThrow(UsageError);
  });
});
