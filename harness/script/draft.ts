import type { RaceFile } from '../director/race-file.ts';
import type { Seen } from '../model/seen.ts';
import { KNOWN_RACES } from '../races/index.ts';
import type { Cue, TaskChange } from './history.ts';
import { wordsOfAccess } from './point-of.ts';
import { type HarmfulAct, NoScript, type Slice, specOf } from './slice.ts';
import type { TracedStatement } from './traced.ts';

/** A script that may show a finding again, and from what it was made. */
export interface Draft {
  /** In some words, for the terminal. */
  readonly idea: string;
  readonly file: RaceFile;
}

/** Requests that change what others decide on; beats, fields and results do not. */
const MATTERS = /: (run|success|fail|retry|skip\b)|^operator (marks|clears|deletes)/;
const HEARTBEAT_TIMEOUT_S = 3;
const WHY_LONG = 'what happens beside it is what a process does by itself, some of it every half minute only';
/** What a new version of the DAG comes to. */
const MOVED = 'scheduler passes commit having write task_instance(dag_version_id) of r within 20s';
/** Points before the last one that are tried. */
const MOST_EARLIER = 4;
/** The task that was failed first, where the run had another one for it. */
const COMPANION = 'companion';
/** Some things a scheduler does every half minute only. */
const BY_ITSELF_S = 40;

/** What may show the finding again, the likeliest first. Throws NoScript. */
export function draftsOf(slice: Slice): Draft[] {
  const { acts } = slice;
  const [harm] = acts;
  if (acts.length > 1) return [twoHeld(slice, acts)];
  const meant = between(slice, harm);
  const held = meant.length === 0 ? [] : pointsOf(slice, harm).map((point) => oneHeld(slice, { harm, meant, point }));
  return [inOrder(slice, harm), ...held];
}

/** Each waits before the lock that it could not get, with what it has locked until then. */
function twoHeld(slice: Slice, acts: readonly HarmfulAct[]): Draft {
  // What a process does by itself begins first: a request is answered in time.
  const inTurn = acts.toSorted((a, b) => Number(a.cue !== null) - Number(b.cue !== null));
  const ops = inTurn.flatMap(({ cue }) => cue?.op ?? []);
  const until = Math.min(...inTurn.map(({ statement }) => statement.sentMs));
  const setup = setupOf(slice, until, ops);
  const names = ['one', 'two'];
  const lines = inTurn.flatMap((act, i) => {
    const hold = `hold ${processOf(act, i)} before ${wordsOf(act, slice)} as ${names[i]}`;
    const begins = act.cue
      ? [`${i > 0 ? act.cue.words.replace(/ a$/, ' b') : act.cue.words} &`]
      : [...(isOfVersions(act) ? ['operator revises'] : setup.splice(-1))];
    return [hold, ...begins, `${names[i]} is reached within 20s`];
  });
  const answered = inTurn.flatMap((act) => endOf(act, slice, false));
  return {
    idea: 'hold both before the statement that met the other, and let them go together',
    file: fileOf(slice, [...setup, ...lines, `release ${names.join(' and ')} together`, ...new Set(answered)]),
  };
}

interface Held {
  readonly harm: HarmfulAct;
  readonly meant: readonly string[];
  readonly point: string;
}

/** It waits at a point between what it read and what it wrote, while what came in between happens. */
function oneHeld(slice: Slice, { harm, meant, point }: Held): Draft {
  const others = othersOf(slice, harm);
  const setup = setupOf(slice, knownMs(slice, harm) ?? harm.statement.sentMs, [
    ...(harm.cue?.op ? [harm.cue.op] : []),
    ...others.flatMap(({ op }) => op ?? []),
  ]);
  const reported = newsOf(harm, slice);
  const isReleased = isNewsOfSeveral(slice, harm);
  const begins = harm.cue ? [`${harm.cue.words} &`] : (reported ?? setup.splice(-1));
  const file = fileOf(slice, [
    ...setup,
    ...(isReleased ? [`worker ${COMPANION}: run`] : []),
    `hold ${processOf(harm, 0)} ${point} as decision`,
    ...(isReleased ? [`executor: ${COMPANION} fails`] : []),
    ...begins,
    'decision is reached within 20s',
    ...meant,
    'release decision',
    ...endOf(harm, slice, true),
  ]);
  return {
    idea: `hold it ${point}`,
    file: isReleased ? { ...file, dag: { ...file.dag, [COMPANION]: null } } : file,
  };
}

/** A scheduler that is to fail several tasks loses the locks of all with the first: then there was another one. */
function isNewsOfSeveral(slice: Slice, harm: HarmfulAct): boolean {
  const lock = reads(slice, harm).findLast(({ seen }) => seen.kind.locks.includes('task_instance'));
  const isLost = lock !== undefined && lock.seen.tx !== harm.statement.seen.tx;
  return isLost && (newsOf(harm, slice)?.length ?? 0) > 0;
}

/** The same requests in the same order: not every race needs a hold. */
function inOrder(slice: Slice, harm: HarmfulAct): Draft {
  const setup = setupOf(slice, harm.statement.sentMs, harm.cue?.op ? [harm.cue.op] : []);
  const begins = harm.cue ? [harm.cue.words] : (newsOf(harm, slice) ?? []);
  return {
    idea: 'the same requests in the same order, without a hold',
    file: fileOf(slice, [...setup, ...begins, ...(harm.cue ? [] : endOf(harm, slice, true))]),
  };
}

/** What others did after the harm had read its rows, as sentences. */
function between(slice: Slice, harm: HarmfulAct): string[] {
  const asked = othersOf(slice, harm).flatMap((change) => sentenceOf(slice, change) ?? []);
  // While a request is under way, what another process does by itself is waited for.
  const alone = harm.cue === null ? [] : slice.beside.map((act) => passes(act, slice, BY_ITSELF_S));
  return [...new Set([...asked, ...alone])];
}

function passes(act: HarmfulAct, slice: Slice, withinS: number): string {
  return `${processOf(act, 0)} passes commit having ${wordsOf(act, slice)} within ${withinS}s`;
}

function sentenceOf({ cues }: Slice, { op }: TaskChange): string | undefined {
  return cues.find((cue) => cue.op === op)?.words;
}

function othersOf(slice: Slice, harm: HarmfulAct): TaskChange[] {
  const from = knownMs(slice, harm);
  return from === undefined ? [] : news(slice, harm).filter(({ atMs }) => atMs > from);
}

/** Changes by others that the harm may not have seen: of its own task, or else of others that it takes. */
function news({ changes, tasks, finding }: Slice, { statement, change }: HarmfulAct): TaskChange[] {
  const proofs = new Set(finding.worst.operations);
  const all = changes.filter(
    ({ atMs, pid, task, op, before, state }) =>
      op !== null &&
      // It may have waited for the lock of the other.
      atMs < statement.answeredMs &&
      pid !== statement.seen.pid &&
      tasks.includes(task) &&
      (before !== state || proofs.has(op)),
  );
  const own = all.filter(({ task }) => task === change?.task);
  return own.length > 0 ? own : all;
}

/** When the harm had last read a row that another has changed since. */
function knownMs(slice: Slice, harm: HarmfulAct): number | undefined {
  return known(slice, harm)?.answeredMs;
}

function known(slice: Slice, harm: HarmfulAct): TracedStatement | undefined {
  return reads(slice, harm).at(-1);
}

/** Of the harm's connection, what read or locked the row before another changed it, as far as a script can say it. */
function reads(slice: Slice, harm: HarmfulAct): TracedStatement[] {
  const last = news(slice, harm).at(-1);
  if (!last) return [];
  return harm.chain.filter(
    (one) =>
      one.n < harm.statement.n &&
      one.answeredMs < last.atMs &&
      touches(one.seen, last.task, slice.names) &&
      wordsOfAccess(one.seen, slice.names) !== undefined,
  );
}

/** Where it may wait: late is best, for then it has read all; but it may hold a lock there that others wait for. */
function pointsOf(slice: Slice, harm: HarmfulAct): string[] {
  const earlier = reads(slice, harm)
    .toReversed()
    .flatMap(({ seen }) => {
      const words = wordsOfAccess(seen, slice.names);
      const isOwn = seen.tx === harm.statement.seen.tx;
      return isOwn ? [`after ${words}`] : [`after ${words}`, `after commit having ${words}`];
    });
  return [`before ${wordsOf(harm, slice)}`, ...[...new Set(earlier)].slice(0, MOST_EARLIER)];
}

function wordsOf({ statement: { seen } }: HarmfulAct, { names }: Slice): string {
  const words = wordsOfAccess(seen, names);
  if (words !== undefined) return words;
  const { verb, tables } = seen.kind;
  throw new NoScript(`draft: no point of a script means "${verb} ${tables[0] ?? ''}" of ${seen.process}`);
}

function processOf({ statement }: HarmfulAct, place: number): string {
  const role = statement.seen.process.replace(/-\d+$/, '');
  return role === 'scheduler' && place > 0 ? 'other scheduler' : role;
}

function isOfVersions({ statement }: HarmfulAct): boolean {
  return statement.seen.kind.set.includes('dag_version_id');
}

/** With what it is over: its answer, or its commit. */
function endOf(act: HarmfulAct, slice: Slice, waits: boolean): string[] {
  const { cue } = act;
  if (cue)
    return [
      cue.task === null || cue.words.startsWith('operator') ? 'operator is answered' : `worker ${cue.task} is answered`,
    ];
  return waits ? [passes(act, slice, 20)] : [];
}

/** What led to it, up to a moment: of each task the last try. */
function setupOf(slice: Slice, untilMs: number, but: readonly number[]): string[] {
  const { cues, changes, tasks, revisedMs } = slice;
  const events: { readonly atMs: number; readonly lines: readonly string[] }[] = [];
  for (const task of tasks) {
    const its = changes.filter((one) => one.task === task && one.atMs < untilMs);
    const begun = its.findLast(({ state, before }) => state === 'scheduled' && before !== 'scheduled')?.atMs ?? 0;
    const done = cues.filter(({ task: of, atMs }) => of === task && atMs >= begun && atMs < untilMs);
    const telling = done.filter(({ words, op }) => MATTERS.test(words) && !but.includes(op ?? -1));
    events.push(...telling.map(({ atMs, words }) => ({ atMs, lines: [words] })));
    for (const change of its.filter(({ atMs }) => atMs >= begun)) {
      const lines = newsLines(change, telling);
      if (lines) events.push({ atMs: change.atMs, lines: [...lines, `${task} is ${change.state}`] });
    }
  }
  if (revisedMs !== null && revisedMs < untilMs) events.push({ atMs: revisedMs, lines: ['operator revises', MOVED] });
  const lines = events.toSorted((a, b) => a.atMs - b.atMs).flatMap((event) => event.lines);
  const hasRun = slice.names.names.length > 0;
  return [...(hasRun ? ['operator triggers'] : []), ...lines.filter((line, i) => lines.indexOf(line) === i)];
}

/** The executor's news that a scheduler failed a task for; undefined: it did not. */
function newsLines({ task, before, state, writer }: TaskChange, cues: readonly Cue[]): string[] | undefined {
  const isFailed = (state === 'failed' || state === 'up_for_retry') && writer.startsWith('wt-scheduler');
  if (!isFailed || before === state) return undefined;
  const isRunning = cues.some(({ words }) => words === `worker ${task}: run`);
  return [...(isRunning || before === null ? [] : [`${task} is ${before}`]), `executor: ${task} fails`];
}

/** Whether a scheduler looked for missing heartbeats, and not at an executor's news, when it last met the task. */
function isTimeout(act: HarmfulAct, { names }: Slice): boolean {
  const task = act.change?.task ?? '';
  const why = act.chain.findLast(
    ({ seen }) => (isOfHeartbeats(seen) || seen.kind.locks.includes('task_instance')) && touches(seen, task, names),
  );
  return why !== undefined && isOfHeartbeats(why.seen);
}

function isOfHeartbeats({ kind }: Seen): boolean {
  return kind.where.includes('task_instance.last_heartbeat_at');
}

function touches(seen: Seen, task: string, { subjectOf }: Slice['names']): boolean {
  return subjectOf(task).some(({ dagId, run, tiIds }) =>
    seen.touches.some(
      ({ row: { columns: of } }) =>
        tiIds.has(of.id ?? '') ||
        tiIds.has(of.ti_id ?? '') ||
        (of.dag_id === dagId && of.run_id === run && of.task_id === task),
    ),
  );
}

/** With what a scheduler fails a task; undefined: it did something else. */
function newsOf(act: HarmfulAct, slice: Slice): string[] | undefined {
  const { change } = act;
  const lines = change === null ? undefined : newsLines(change, slice.cues);
  return lines === undefined ? undefined : isTimeout(act, slice) ? [] : lines;
}

function fileOf(slice: Slice, script: readonly string[]): RaceFile {
  const { finding, tasks, acts } = slice;
  const schedulers = acts.filter(({ statement }) => statement.seen.process.startsWith('scheduler')).length;
  const isLate = acts.some((act) => newsOf(act, slice) !== undefined && isTimeout(act, slice));
  const stack = {
    ...(schedulers > 1 ? { schedulers } : {}),
    ...(isLate ? { heartbeat_timeout_s: HEARTBEAT_TIMEOUT_S } : {}),
  };
  return {
    race: raceOf(slice),
    title: finding.title.slice(0, 200),
    breaks: breaksOf(slice),
    ...(Object.keys(stack).length === 0 ? {} : { stack }),
    dag: Object.fromEntries(tasks.map((task) => [task, taskOf(slice, task)])),
    script: [...script],
    ...(script.some((line) => line.endsWith(`within ${BY_ITSELF_S}s`)) ? { why_long: WHY_LONG } : {}),
  };
}

function taskOf({ spec, tasks }: Slice, task: string): RaceFile['dag'][string] {
  const { upstream = [], trigger_rule, retries = 0, mapped, skips } = specOf(spec, task) ?? {};
  const after = upstream.filter((one) => tasks.includes(one));
  const its = {
    ...(after.length > 0 ? { after } : {}),
    ...(trigger_rule === undefined ? {} : { rule: trigger_rule as NonNullable<RaceFile['dag'][string]>['rule'] }),
    ...(retries > 0 ? { retries: Math.min(retries, 5) } : {}),
    ...(mapped === undefined ? {} : { mapped: Math.min(mapped, 10) }),
    ...(skips === undefined ? {} : { branch: true }),
  };
  return Object.keys(its).length === 0 ? null : its;
}

function raceOf({ finding: { known_race, root } }: Slice): string {
  return known_race ?? `${root.invariant} ${root.variant}`.replace(/[^A-Za-z0-9]+/g, '-').replace(/^-|-$/g, '');
}

/** Of a known race any of its variants will do. */
function breaksOf({ finding: { known_race, root } }: Slice): RaceFile['breaks'] {
  const mark = KNOWN_RACES.find(({ name }) => name === known_race)?.marks.find(
    ({ invariant }) => invariant === root.invariant,
  );
  const variants = mark === undefined ? [root.variant] : mark.variants;
  const [first, ...others] = variants ?? [];
  return { [root.invariant]: first === undefined ? null : others.length === 0 ? first : [...(variants ?? [])] };
}
