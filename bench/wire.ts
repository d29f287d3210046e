/**
 * What it costs a process of the stack that its statements go through our proxy.
 *
 *     npm run bench:wire
 *
 * Statements a second, directly, through the proxy, and through the proxy while a rule looks at every statement and
 * matches none: small ones one after another (simple and extended protocol), the same on 16 connections at once, an
 * UPDATE with its COMMIT, and results of 1 MB. The client is a process of its own, as a scheduler is; the proxy's CPU
 * is what this process uses. Interleaved, so that what drifts weighs on all alike.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';

import pg from 'pg';
import { withClient } from '../harness/system/postgres-client.ts';
import { openWireProxy } from '../harness/wire/proxy.ts';
import { withPostgres } from './postgres.ts';
import { spread } from './spread.ts';

const ROUNDS = 7;
const SECONDS = 0.5;

const KINDS = ['simple', 'extended', '16 at once', 'UPDATE and COMMIT', '1 MB of rows'] as const;
type Kind = (typeof KINDS)[number];
const WAYS = ['directly', 'through the proxy', 'with a rule'] as const;

interface Order {
  readonly kind: Kind;
  readonly port: number;
}

if (process.send) obey();
else await compare();

async function compare(): Promise<void> {
  const client = fork(import.meta.filename, []);
  try {
    await withPostgres({ fsync: true }, ({ dsn, port }) => measureWays(client, dsn, port));
  } finally {
    client.disconnect();
  }
}

async function measureWays(client: ChildProcess, dsn: string, port: number): Promise<void> {
  await withClient(dsn, (one) => one.query('CREATE TABLE t AS SELECT 1 AS id, 0 AS n'));
  const proxy = await openWireProxy({ host: '127.0.0.1', port });
  const rates = new Map<string, number[]>();
  const micros = new Map<string, number[]>();
  for (let round = 0; round <= ROUNDS; round++) {
    for (const kind of KINDS) {
      for (const way of WAYS) {
        const rule = way === 'with a rule' ? proxy.add({ do: 'cut', statement: /UPDATE\s+nothing\b/i }) : undefined;
        const before = process.cpuUsage();
        client.send({ kind, port: way === 'directly' ? port : proxy.port } satisfies Order);
        const [perSecond] = (await once(client, 'message')) as [number];
        const { user, system } = process.cpuUsage(before);
        rule?.remove();
        if (round === 0) continue; // Warming up.
        note(rates, `${kind}, ${way}`, perSecond);
        note(micros, `${kind}, ${way}`, (user + system) / (perSecond * SECONDS));
      }
    }
  }
  await proxy.close();
  print(rates, micros);
}

function note(series: Map<string, number[]>, name: string, value: number): void {
  series.set(name, [...(series.get(name) ?? []), value]);
}

function obey(): void {
  process.on('message', (order: Order) => void measure(order).then((perSecond) => process.send?.(perSecond)));
  process.on('disconnect', () => process.exit(0));
}

/** Statements a second; a transaction of several counts as one. */
async function measure({ kind, port }: Order): Promise<number> {
  const count = kind === '16 at once' ? 16 : 1;
  const pool = new pg.Pool({ host: '127.0.0.1', port, user: 'airflow', database: 'postgres', max: count });
  const began = performance.now();
  const until = began + SECONDS * 1000;
  const loops = Array.from({ length: count }, async () => {
    const client = await pool.connect();
    let done = 0;
    for (; performance.now() < until; done++) await one(client, kind);
    client.release();
    return done;
  });
  const total = (await Promise.all(loops)).reduce((sum, n) => sum + n, 0);
  const seconds = (performance.now() - began) / 1000;
  await pool.end();
  return total / seconds;
}

async function one(client: pg.PoolClient, kind: Kind): Promise<void> {
  switch (kind) {
    case 'simple':
      await client.query('SELECT n FROM t WHERE id = 1');
      break;
    case 'extended':
    case '16 at once':
      await client.query('SELECT n FROM t WHERE id = $1', [1]);
      break;
    case 'UPDATE and COMMIT':
      await client.query('BEGIN');
      await client.query('UPDATE t SET n = n + 1 WHERE id = $1', [1]);
      await client.query('COMMIT');
      break;
    case '1 MB of rows':
      await client.query("SELECT repeat('x', 1000) AS x FROM generate_series(1, 1000)");
      break;
    default:
      throw new Error(`unknown kind ${kind satisfies never}`);
  }
}

function print(rates: Map<string, number[]>, micros: Map<string, number[]>): void {
  console.log(`statements a second, min / median / max of ${ROUNDS} rounds of ${SECONDS} s`);
  for (const kind of KINDS) {
    const directly = rates.get(`${kind}, directly`) ?? [];
    for (const way of WAYS) {
      const series = rates.get(`${kind}, ${way}`) ?? [];
      const ratio = series.map((rate, i) => rate / (directly[i] ?? rate));
      const beside = `× ${spread(ratio, 2)}, proxy CPU ${spread(micros.get(`${kind}, ${way}`) ?? [])} µs each`;
      console.log(`  ${`${kind}, ${way}`.padEnd(38)} ${spread(series).padEnd(24)}${way === 'directly' ? '' : beside}`);
    }
  }
}
