import { tmpdir } from 'node:os';

import { UsageError } from '../model/errors.ts';
import { cacheFolder, checkIsNotProc } from './installation.ts';
import { checkPostgres } from './postgres-binaries.ts';

/** What every program that we start may need of the user's environment, and nothing that is a secret. */
const PLAIN = new RegExp(
  `^(${[
    'PATH|HOME|USER|LOGNAME|SHELL|TMPDIR|TEMP|TMP|TZ|TZDIR|LANG|LANGUAGE|LC_\\w+|TERM|NO_COLOR|CI|XDG_\\w+',
    'NODE_OPTIONS|NODE_EXTRA_CA_CERTS|SSL_CERT_FILE|SSL_CERT_DIR|LD_LIBRARY_PATH|DYLD_\\w*LIBRARY_PATH',
  ].join('|')})$`,
);

/** For programs that reach out: how. A proxy's URL may contain a password. */
const NETWORK = /^((http|https|all|no)_proxy|REQUESTS_CA_BUNDLE|CURL_CA_BUNDLE)$/i;

/** For what installs packages: where they come from, and how those are built that have no wheel. */
const PACKAGES = new RegExp(
  `^((PIP|UV)_(${[
    'INDEX|DEFAULT_INDEX|EXTRA_INDEX|FIND_LINKS|NO_INDEX|CONFIG_FILE|OFFLINE|CACHE_DIR|LINK_MODE',
    'CERT|CLIENT_CERT|NATIVE_TLS|SYSTEM_CERTS|PROXY|TRUSTED_HOST|INSECURE_HOST|KEYRING|HTTP',
    'DEFAULT_TIMEOUT|TIMEOUT|REQUEST_TIMEOUT|RETRIES|CONCURRENT',
  ].join('|')})|(NETRC|CC|CXX|CFLAGS|CXXFLAGS|CPPFLAGS|LDFLAGS|PKG_CONFIG_PATH|GIT_SSL_CAINFO|GIT_SSL_CAPATH)$)`,
);

/** Names what else programs are to get: `MALLOC_ARENA_MAX,AIRFLOW__SCHEDULER__*`. */
const PASSED = 'WINDTUNNEL_PASS_ENV';

/**
 * The part of the environment that a program gets which we start: an allow-list, because what stands in the environment
 * of a CI job is for that job and not for the build under test. UsageError for names that cannot be variables.
 */
export function childEnvironment(env = process.env, also: 'network' | 'packages' | 'nothing' = 'nothing') {
  const lists = { nothing: [PLAIN], network: [PLAIN, NETWORK], packages: [PLAIN, NETWORK, PACKAGES] }[also];
  const patterns = [...lists, ...passedOn(env[PASSED])];
  return Object.fromEntries(Object.entries(env).filter(([name]) => patterns.some((pattern) => pattern.test(name))));
}

function passedOn(names = ''): RegExp[] {
  const words = names.split(/[\s,]+/).filter((word) => word !== '');
  const wrong = words.filter((word) => !/^[A-Za-z_]\w*\*?$/.test(word));
  if (wrong.length > 0)
    throw new UsageError(
      `${PASSED} lists names of variables, such as MALLOC_ARENA_MAX,AIRFLOW__SCHEDULER__*, and "${wrong[0]}" is none.`,
    );
  return words.map((word) => new RegExp(`^${word.replace('*', '.*')}$`));
}

/** UsageError: what the environment says about programs, or where they are kept, is not to be used. */
export function checkEnvironment(): void {
  childEnvironment();
  cacheFolder();
  checkIsNotProc(tmpdir(), 'folder of temporary files', 'TMPDIR');
  checkPostgres();
}
