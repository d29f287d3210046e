import pg from 'pg';
import { describe, expect, it } from 'vitest';

import { dsnProblems, isHere, serverOf, splitPassword, withPassword } from './target-dsn.ts';

const SECRET = "p@/?#:ä% '";

describe('the connection string of a target', () => {
  it.each([
    ['postgresql://u@127.0.0.1:5433/airflow', '127.0.0.1', 5433],
    ['postgres://u@db.example/airflow', 'db.example', 5432],
    ['postgresql://u@[::1]:77/airflow', '::1', 77],
    // What stands after the ? wins, as it does for pg.
    ['postgresql://u@127.0.0.1:5432/airflow?host=192.0.2.77&port=1', '192.0.2.77', 1],
    ['postgresql://u@/airflow?host=/var/run/postgresql', '/var/run/postgresql', 5432],
    ['postgresql://u@%2Fvar%2Frun:5433/airflow?sslmode=disable', '/var/run', 5433],
  ])('%s leads where pg goes, and takes any password', (dsn, host, port) => {
    expect(dsnProblems(dsn)).toEqual([]);
    expect(serverOf(dsn)).toEqual({ host, port });
    const full = withPassword(dsn, SECRET);
    expect(new pg.Client({ connectionString: full })).toMatchObject({
      host,
      port,
      user: 'u',
      database: 'airflow',
      password: SECRET,
    });
    expect(splitPassword(full)).toEqual({ dsn, password: SECRET });
    expect(splitPassword(dsn)).toEqual({ dsn, password: undefined });
  });

  it.each([
    ['mysql://u@h/a', /must begin with postgresql:.*no other database can be recorded/],
    ['postgresql://u:hunter2#S3cr/et@h/a', /has a space, a # or a lone %/],
    ['postgresql://u:hunter2%zz@h/a', /has a space, a # or a lone %/],
    ['postgresql://u:hunter2 x@h/a', /has a space, a # or a lone %/],
    ['postgresql://u:hunter2/x@h/a', /cannot be read/],
    ['postgresql://u:12?hunter2@h/a', /no database[\s\S]*a parameter after its \? that is not passed on/],
    ['postgresql://u:hunter2@h/a', /holds a password.*dsn_password/],
    ['postgresql://u@h/a?password=hunter2', /holds a password/],
    // Each would be an option of ours: commits would have no writer.
    ['postgresql://u@h/a?application_name=hunter2', /a parameter after its \? that is not passed on/],
    ['postgresql:///a', /names no server/],
    ['postgresql://u@h', /names no database/],
    ['postgresql://u@h,i/a', /names several servers/],
    ['postgresql://u@h/a?port=hunter2', /a port that is none/],
    ['postgresql://u@h/a?sslrootcert=/nowhere/hunter2', /a certificate or key that cannot be read/],
  ])('%s is refused, and not quoted', (dsn, says) => {
    const problems = dsnProblems(dsn).join('\n');
    expect(problems).toMatch(says);
    expect(problems).not.toContain('hunter2');
  });

  it('knows what is on this machine', () => {
    for (const host of ['127.0.0.1', '127.9.9.9', 'localhost', '::1', '[::1]', '/run/postgresql'])
      expect(isHere(host)).toBe(true);
    for (const host of ['192.0.2.77', '0.0.0.0', 'db', '127.0.0.1.example.com', '']) expect(isHere(host)).toBe(false);
  });
});
