import { parse } from 'pg-connection-string';

/** What a connection string may say besides user, server and database. All else `pg` would take for options of ours. */
const PARAMETERS = [
  ...['host', 'port', 'user', 'options', 'client_encoding', 'ssl', 'sslmode', 'sslcert', 'sslkey', 'sslrootcert'],
  ...['sslnegotiation', 'uselibpqcompat'],
];

const USER = /^(postgres(?:ql)?:\/\/)(?:([^/?#@]*)@)?/;

/** Where `pg` would connect to. */
export interface DatabaseServer {
  /** A name or an address; the folder of a Unix socket begins with a slash. */
  readonly host: string;
  readonly port: number;
}

/** What is wrong with the connection string of a target. Nothing of it is quoted: it may hold a password. */
export function dsnProblems(dsn: string): string[] {
  if (!/^postgres(ql)?:\/\//.test(dsn))
    return ['must begin with postgresql://: no other database can be recorded (docs/target.md)'];
  if (/[\s#]|%(?![0-9a-f]{2})/i.test(dsn)) return ['has a space, a # or a lone %: write %20, %23, %25'];
  let read: ReturnType<typeof parse>;
  try {
    read = parse(dsn);
  } catch (error) {
    if (error instanceof Error && 'path' in error) return ['names a certificate or key that cannot be read'];
    return ['cannot be read: postgresql://user@host:port/database, where a / ? # @ : of a name is %2F %3F %23 %40 %3A'];
  }
  const { searchParams } = new URL(dsn.replace(/^[^?]*/, 'any://any'));
  const unknown = [...searchParams.keys()].some((name) => name !== 'password' && !PARAMETERS.includes(name));
  const port = Number(read.port || 5432);
  return [
    ...(read.password ? ['holds a password: take it out, and say where it is with dsn_password'] : []),
    ...(read.host ? [] : ['names no server: a host, or ?host=/folder of a Unix socket']),
    ...(read.host?.includes(',') ? ['names several servers: windtunnel records one'] : []),
    ...(read.database ? [] : ['names no database']),
    ...(Number.isInteger(port) && port > 0 && port < 65_536 ? [] : ['has a port that is none']),
    ...(unknown ? [`has a parameter after its ? that is not passed on; there is ${PARAMETERS.join(', ')}`] : []),
  ];
}

/** Of a connection string without problems. */
export function serverOf(dsn: string): DatabaseServer {
  const { host, port } = parse(dsn);
  return { host: host ?? '', port: Number(port || 5432) };
}

export function withPassword(dsn: string, password: string): string {
  return dsn.replace(USER, (_, scheme, user = '') => `${scheme}${user}:${encodeURIComponent(password)}@`);
}

/** The other way round. */
export function splitPassword(dsn: string): { readonly dsn: string; readonly password: string | undefined } {
  const bare = dsn.replace(USER, (_, scheme, user = '') => {
    const [name] = user.split(':');
    return name ? `${scheme}${name}@` : scheme;
  });
  return { dsn: bare, password: parse(dsn).password || undefined };
}

/** Whether a host is this machine: its loopback, or a Unix socket. */
export function isHere(host: string): boolean {
  return ['localhost', '::1', '[::1]'].includes(host) || /^(\/|127\.\d+\.\d+\.\d+$)/.test(host);
}
