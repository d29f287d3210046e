import path from 'node:path';
import { isNewerThanKnown } from '../model/airflow/releases.ts';
import { type AirflowSchema, notRecorded } from '../model/airflow/schema.ts';
import { SERIALIZED_DAGS } from '../model/airflow/statements.ts';
import { messageOf, StackError } from '../model/errors.ts';
import { note, noteGap } from '../model/run-context.ts';
import type { Stack } from '../model/stack.ts';
import type { CommitStream } from '../record/commits.ts';
import { type DatabaseRights, readDatabaseRights } from '../record/database-rights.ts';
import { removalSql } from '../record/installed.ts';
import { readAirflowSchema } from '../system/airflow-schema.ts';
import { databaseError, untilItAnswers, withClient } from '../system/postgres-client.ts';
import type { RunSession } from './session.ts';

/**
 * Begins to record commits, where the database of a target allows it: what keeps it from that is said, all of it, and
 * then the run continues without. A stack of our own allows everything.
 */
export async function beginCommits(session: RunSession, stack: Stack, commits: CommitStream): Promise<void> {
  const { spec, progress, stop, record, fail } = session;
  const schema = await withClient(stack.dsn, readAirflowSchema);
  noteUnrecorded(session, stack, schema);
  await record.updateManifest({ row_a_try: schema.rowATry });
  if ('target' in spec.subject) {
    const rights = await withClient(stack.dsn, readDatabaseRights);
    for (const sentence of sentencesOf(rights, !spec.shared)) progress.note(sentence);
    if (rights.unreadable.includes(SERIALIZED_DAGS))
      throw new StackError(`The table ${SERIALIZED_DAGS} cannot be read: whether Airflow knows the DAGs stands there.`);
    if (rights.lacks.length > 0) return record.updateManifest({ writers: 'none' });
    // From now on there may be something in a database that outlives this process.
    session.table.target(path.resolve(spec.subject.target));
  }
  if (schema.watched.length === 0) return record.updateManifest({ writers: 'none' });
  await commits.start(fail, stop);
}

/**
 * What cannot be recorded, because the database has it not, or not as any release that is known: a gap in the record,
 * so that what needs it stays unknown, and a sentence each.
 */
function noteUnrecorded(session: RunSession, stack: Stack, { unrecorded }: AirflowSchema): void {
  const { progress, spec } = session;
  const version = stack.identity.airflow;
  for (const one of unrecorded) noteGap(session, one.what, notRecorded(one, version ?? stack.build));
  if (spec.shared || unrecorded.length === 0) return;
  const newer = version !== undefined && isNewerThanKnown(version) ? ', which is newer than windtunnel knows' : '';
  const sentences = unrecorded.map(({ what, why }) => `  - ${what}: ${why}`);
  progress.note(
    [`Not all is recorded of ${stack.build}${newer}, and what needs the rest stays unknown:`, ...sentences].join('\n'),
  );
}

function sentencesOf({ lacks, unreadable, warnings }: DatabaseRights, isFirst: boolean): string[] {
  const without = [
    'Commits are not recorded, and what needs them stays unknown (`windtunnel doctor --target FILE` looks again):',
    ...lacks.map((lack) => `  - ${lack}`),
  ].join('\n');
  return [
    ...(lacks.length > 0 ? [without] : []),
    ...(unreadable.length > 0 ? [`These tables cannot be read and are not copied: ${unreadable.join(', ')}.`] : []),
    ...(isFirst ? warnings : []),
  ];
}

/** One that ended a moment ago may be starting again. */
const RESTART_MS = 15_000;

/**
 * Takes away what recording has put into a database that outlives the run. What stays is said, with the SQL for it.
 * `wasThere`: it answered when the load had ended.
 */
export async function restoreDatabase(
  session: RunSession,
  { dsn }: Stack,
  { commits, wasThere }: { readonly commits: CommitStream; readonly wasThere: boolean },
): Promise<void> {
  const { spec, progress, table } = session;
  let problem: string | undefined;
  try {
    if (wasThere) await untilItAnswers(dsn, RESTART_MS);
    const left = await commits.remove();
    problem = left && `${left.what}. Remove it with \`windtunnel heal\`, or in that database:\n${left.sql}`;
  } catch (error) {
    problem =
      `whether anything is left is not known: ${messageOf(databaseError(error))}. ` +
      `\`windtunnel heal\` looks again; by hand it is, in that database:\n${removalSql(table.id)}`;
  }
  if (problem !== undefined) note(session, 'ERROR', `could not take the recorder out of the database: ${problem}`);
  // A stack of a soak's own goes away with its database.
  if (!('target' in spec.subject)) return;
  if (problem === undefined) table.release(path.resolve(spec.subject.target));
  else progress.note(`The recorder is still in the database of the target: ${problem}`);
}
