import { PassThrough } from 'node:stream';
import { parse } from 'pg-protocol';
import { expect, test } from 'vitest';
import { Answers, errorResponse } from './answers.ts';
import { ActiveRule } from './rules.ts';

const DEADLOCK = { sqlstate: '40P01', message: 'deadlock detected', detail: 'of a test' };
const rule = new ActiveRule({ do: 'answer', statement: /./, error: DEADLOCK }, () => undefined);
const of = (statement: string) => ({ rule, error: DEADLOCK, statement, isCommit: statement === 'COMMIT' });
/** What a server says when it is to execute what it does not have. */
const UNKNOWN = Buffer.from('SERROR\0C26000\0Mprepared statement "answered by windtunnel" does not exist\0\0');
const OTHER = Buffer.from('SERROR\0C25P02\0Mcurrent transaction is aborted\0\0');
const status = (letter: string) => letter.charCodeAt(0);

/** A connection after its start-up, and after BEGIN if it says so. */
function connected({ begun = false } = {}): Answers {
  const answers = new Answers();
  answers.ready(status('I'));
  if (!begun) return answers;
  answers.passes();
  answers.batchSent();
  answers.ready(status('T'));
  return answers;
}

test('an error is encoded as PostgreSQL sends it', async () => {
  const stream = new PassThrough();
  const read: unknown[] = [];
  const done = parse(stream, (message) => read.push(message));
  stream.end(Buffer.concat([errorResponse(DEADLOCK, 'ERROR'), errorResponse(DEADLOCK, 'FATAL')]));
  await done;
  const fields = { code: '40P01', message: 'deadlock detected', detail: 'of a test' };
  expect(read).toMatchObject([
    { ...fields, severity: 'ERROR' },
    { ...fields, severity: 'FATAL' },
  ]);
});

test('the server gets what fails in the same protocol, and its error is the one that is replaced', () => {
  const answers = connected();
  expect(answers.answer('Q', of('UPDATE')).toString()).toContain('EXECUTE "answered by windtunnel"');
  expect(answers.batchSent()).toBeUndefined();
  expect(answers.inPlaceOf(OTHER)).toBeUndefined();
  expect(answers.inPlaceOf(UNKNOWN)).toMatchObject({ statement: 'UPDATE', error: DEADLOCK });
  expect(answers.inPlaceOf(UNKNOWN)).toBeUndefined();
  expect(answers.ready(status('I'))).toEqual({ drop: false, givenBack: [] });
  // Execute of a portal, all its rows.
  expect(answers.answer('E', of('UPDATE')).toString('latin1')).toBe('E\0\0\0\x1fanswered by windtunnel\0\0\0\0\0');
});

test('an answer that the server did not come to is given back when the batch has ended', () => {
  const answers = connected();
  answers.answer('E', of('UPDATE'));
  answers.batchSent();
  answers.answer('E', of('DELETE'));
  expect(answers.ready(status('E')).givenBack).toEqual([rule]);
  expect(answers.drain()).toEqual([rule]);
  expect(answers.drain()).toEqual([]);
});

test('a COMMIT can fail in a transaction that has not failed, with nothing else under way', () => {
  expect(connected().canCommitFail).toBe(false);
  const answers = connected({ begun: true });
  expect(answers.canCommitFail).toBe(true);
  answers.passes();
  expect(answers.canCommitFail).toBe(false);
  answers.batchSent();
  answers.ready(status('E'));
  expect(answers.canCommitFail).toBe(false);
  expect(answers.idle).toBe(false);
});

test('a COMMIT that is answered is followed by a rollback, of which the client sees the last word alone', () => {
  const answers = connected({ begun: true });
  answers.answer('Q', of('COMMIT'));
  answers.passes();
  expect(answers.batchSent()?.toString()).toContain('ROLLBACK');
  expect(answers.idle).toBe(false);
  expect(answers.inPlaceOf(UNKNOWN)).toMatchObject({ statement: 'COMMIT' });
  expect(answers.ready(status('E'))).toEqual({ drop: true, givenBack: [] });
  expect(answers.dropsComplete).toBe(true);
  expect(answers.ready(status('I'))).toEqual({ drop: false, givenBack: [] });
  expect(answers.dropsComplete).toBe(false);
  expect(answers.idle).toBe(true);
});
