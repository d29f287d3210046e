import type { RaceFile } from '../director/race-file.ts';
import { parseScript } from '../director/script.ts';
import { UsageError } from '../model/errors.ts';
import { raceText } from './race-text.ts';

/** Of these scripts, which still break what they name; each has been played as often as it takes to believe it. */
export type StillBreaks = (files: readonly RaceFile[], times: number) => Promise<readonly boolean[]>;

/** As often a smaller script must break, to be taken instead. */
export const PROOFS = 3;

/** Something that a script may do without: what is left of it, or undefined where it has no such thing any more. */
export interface Part {
  readonly name: string;
  without(file: RaceFile): RaceFile | undefined;
}

/**
 * Takes away what a script does not need. All single parts are tried at once, once each; those that were not needed
 * then go together, or else one half of them; and each smaller script must break three times of three. The smallest
 * comes first, the one that was given last.
 */
export async function minimised(
  file: RaceFile,
  stillBreaks: StillBreaks,
  onRound: (smaller: RaceFile, gone: readonly string[]) => void = () => undefined,
): Promise<readonly [RaceFile, ...RaceFile[]]> {
  let smallest = file;
  const larger: RaceFile[] = [];
  // What was needed once is not tried again: a smaller script rarely needs less of it.
  const needed = new Set<string>();
  for (;;) {
    const tries = partsOf(smallest).flatMap((part) => {
      const left = needed.has(part.name) ? undefined : part.without(smallest);
      return left !== undefined && isValid(left) ? [{ part, left }] : [];
    });
    if (tries.length === 0) return [smallest, ...larger];
    const broke = await stillBreaks(
      tries.map(({ left }) => left),
      1,
    );
    const spare = tries.filter((_, i) => broke[i]);
    for (const { part } of tries) needed.add(part.name);
    const next = await withoutAll(
      smallest,
      spare.map(({ part }) => part),
      stillBreaks,
    );
    if (!next) return [smallest, ...larger];
    larger.unshift(smallest);
    smallest = next.file;
    onRound(smallest, next.gone);
  }
}

interface Smaller {
  readonly file: RaceFile;
  readonly gone: readonly string[];
}

/** Without all of these parts, else without one half of them or the other. */
async function withoutAll(
  file: RaceFile,
  parts: readonly Part[],
  stillBreaks: StillBreaks,
): Promise<Smaller | undefined> {
  if (parts.length === 0) return undefined;
  const gone: string[] = [];
  let left = file;
  for (const { name, without } of parts) {
    const next = without(left);
    if (next === undefined || !isValid(next)) continue;
    left = next;
    gone.push(name);
  }
  const [broke] = await stillBreaks([left], PROOFS);
  if (broke) return { file: left, gone };
  if (parts.length === 1) return undefined;
  const half = Math.ceil(parts.length / 2);
  const first = await withoutAll(file, parts.slice(0, half), stillBreaks);
  const second = await withoutAll(first?.file ?? file, parts.slice(half), stillBreaks);
  return second ? { file: second.file, gone: [...(first?.gone ?? []), ...second.gone] } : first;
}

/**
 * The large ones first: a task with all that it does, then single steps. Holds are none of them: a draft without any
 * has been played before, and with one of two less the order is a matter of luck, which may break 19 times of 20.
 */
export function partsOf(file: RaceFile): Part[] {
  const { dag, script } = file;
  const lines = script.map(String);
  const tasks = Object.keys(dag);
  const isOfHold = (line: string) => /^(hold|cut|release) |is reached|is blocked by/.test(line);
  const single = lines.filter((line) => !isOfHold(line));
  return [
    ...(tasks.length > 1 ? tasks.map((task) => part(`task ${task}`, (one) => withoutTask(one, task))) : []),
    ...single.toReversed().map((line) => part(line, (one) => withoutLine(one, line))),
    ...(file.stack?.schedulers === undefined
      ? []
      : [part('a second scheduler', (one) => withStack(one, 'schedulers'))]),
    ...tasks.flatMap((task) =>
      (['retries', 'rule', 'mapped', 'branch'] as const).flatMap((key) =>
        dag[task]?.[key] === undefined ? [] : [part(`${key} of ${task}`, (one) => withoutSetting(one, task, key))],
      ),
    ),
    ...(file.max_active_runs === undefined ? [] : [part('max_active_runs', ({ max_active_runs: _, ...left }) => left)]),
  ];
}

function part(name: string, without: Part['without']): Part {
  return { name, without };
}

function withoutTask(file: RaceFile, task: string): RaceFile | undefined {
  const { [task]: gone, ...others } = file.dag;
  if (gone === undefined || Object.keys(others).length === 0) return undefined;
  const dag = Object.fromEntries(
    Object.entries(others).map(([name, spec]) => {
      const { after = [], ...left } = spec ?? {};
      const upstream = after.filter((one) => one !== task);
      const its = { ...(upstream.length > 0 ? { after: upstream } : {}), ...left };
      return [name, Object.keys(its).length === 0 ? null : its];
    }),
  );
  const isOf = new RegExp(`(^|[^\\w.-])${task.replaceAll('.', '\\.')}($|[^\\w.-])`);
  const script = file.script.map(String).filter((line) => !isOf.test(line));
  return { ...file, dag, script };
}

function withoutLine(file: RaceFile, line: string): RaceFile | undefined {
  const at = file.script.map(String).lastIndexOf(line);
  return at < 0 ? undefined : { ...file, script: file.script.filter((_, i) => i !== at) };
}

function withStack(file: RaceFile, key: keyof NonNullable<RaceFile['stack']>): RaceFile {
  const { [key]: _, ...stack } = file.stack ?? {};
  const { stack: __, ...left } = file;
  return Object.keys(stack).length === 0 ? left : { ...left, stack };
}

function withoutSetting(
  file: RaceFile,
  task: string,
  key: 'retries' | 'rule' | 'mapped' | 'branch',
): RaceFile | undefined {
  const spec = file.dag[task];
  if (spec?.[key] === undefined) return undefined;
  const { [key]: _, ...left } = spec;
  return { ...file, dag: { ...file.dag, [task]: Object.keys(left).length === 0 ? null : left } };
}

function isValid(file: RaceFile): boolean {
  try {
    parseScript('smaller.race.yaml', raceText(file));
    return true;
  } catch (error) {
    if (error instanceof UsageError) return false;
    throw error;
  }
}
