import { messageOf } from '../model/errors.ts';
import { readDatabaseRights } from '../record/database-rights.ts';
import { removeInstallations } from '../record/removal.ts';
import { readTarget } from '../stacks/target-file.ts';
import { askServer, whyNot } from '../stacks/target-server.ts';
import { databaseError, withClient } from '../system/postgres-client.ts';
import type { Diagnosis } from './checks.ts';

/** What a run on this target would find; nothing is changed there. UsageError: as `readTarget`. */
export async function examineTarget(file: string): Promise<Diagnosis[]> {
  const target = readTarget(file, ['dsn_password']);
  const { fullDsn } = target;
  const look = async (part: string, action: () => Promise<Diagnosis[]>): Promise<Diagnosis[]> => {
    try {
      return await action();
    } catch (error) {
      return [{ part, state: 'missing', sentence: `this could not be asked: ${messageOf(databaseError(error))}` }];
    }
  };
  try {
    await withClient(fullDsn, (client) => client.query('SELECT 1'));
  } catch (error) {
    return [{ part: 'database', state: 'missing', sentence: messageOf(error) }];
  }
  return [
    ...(await look('agreement', async () => {
      const facts = await withClient(fullDsn, (client) => askServer(client, target));
      const problems = facts === undefined ? ['There is no table "dag" of Airflow.'] : whyNot(facts, target);
      return orOk('agreement', problems, 'a run may begin here');
    })),
    ...(await look('commits', async () => {
      const { lacks, unrecorded, unreadable, warnings, notes } = await withClient(fullDsn, readDatabaseRights);
      const cannot = unreadable.length === 0 ? [] : [`These tables cannot be read: ${unreadable.join(', ')}.`];
      return [
        ...orOk('commits', lacks, 'the database and its user allow all that is needed'),
        ...orOk('snapshot', cannot, "Airflow's tables can be read"),
        ...unrecorded.map(
          ({ what, why }): Diagnosis => ({ part: 'schema', state: 'note', sentence: lacking(what, why) }),
        ),
        ...[...warnings, ...notes].map((sentence): Diagnosis => ({ part: 'advice', state: 'note', sentence })),
      ];
    })),
    ...(await look('leftovers', () => leftovers(file, fullDsn))),
  ];
}

function lacking(what: string, why: string): string {
  return `${what} cannot be recorded (${why}): what needs it stays unknown`;
}

function orOk(part: string, problems: readonly string[], good: string): Diagnosis[] {
  if (problems.length === 0) return [{ part, state: 'ok', sentence: good }];
  return problems.map((sentence) => ({ part, state: 'missing', sentence }));
}

async function leftovers(file: string, dsn: string): Promise<Diagnosis[]> {
  const found = await removeInstallations(dsn, { dryRun: true });
  const part = 'leftovers';
  const left = found.filter(({ outcome }) => outcome === 'left');
  const living = found.filter(({ outcome }) => outcome === 'still running');
  return [
    ...living.map(({ run, from }): Diagnosis => {
      const sentence = `run ${run} is recording here${from === undefined ? '' : ` (${from})`}`;
      return { part, state: 'note', sentence };
    }),
    left.length === 0
      ? { part, state: 'ok', sentence: 'no killed run left anything behind' }
      : {
          part,
          state: 'missing',
          sentence: `killed runs left ${left.map(({ run, what }) => `${what} of run ${run}`).join('; ')}`,
          fix: `windtunnel heal --target ${file}`,
        },
  ];
}
