import { CASES, type Measured, type Orphans, type RemedyCase, type Share } from './remedies-cases.ts';

/** One run, as records/remedies.json keeps it. */
export interface RemedyRun {
  readonly race: string;
  readonly scenario: string;
  readonly build: string;
  readonly seed: number;
  readonly at: string;
  readonly commit: string;
  /** Seconds from its start to its judgement. */
  readonly took_s: number;
  readonly measured: Measured;
}

type Column = readonly [title: string, cell: (runs: readonly RemedyRun[]) => string];

const COLUMNS: Readonly<Record<string, readonly Column[]>> = {
  '#62561': [
    ['completed before its runs existed', (runs) => shareText(runs, 'early')],
    ['second backfill admitted', (runs) => shareText(runs, 'second')],
    ['after a request without dates', (runs) => orphanText(runs, 'empty')],
    ['after a kill in mid-creation', (runs) => orphanText(runs, 'killed')],
  ],
  '#63581': [
    ['409 to one of two writes of a try', (runs) => shareText(runs, 'twice')],
    ['409 beside another try', (runs) => shareText(runs, 'other')],
    ['replaced by an earlier try', (runs) => shareText(runs, 'late')],
    ['slowest clear', (runs) => slowest(runs)],
  ],
  '#66734': [
    ['answered 503 with Retry-After', (runs) => shareText(runs, 'asked')],
    ['accepted when sent again', (runs) => shareText(runs, 'accepted')],
    ['recorded otherwise', (runs) => shareText(runs, 'otherwise')],
    ['log lines that are wrong', (runs) => String(sumOf(runs, 'logs'))],
  ],
};

/** The tables of all cases, from the runs that there are. */
export function remedyTables(runs: readonly RemedyRun[]): string {
  return CASES.map((one) => `${one.race}, scenario \`${one.scenario}\`:\n\n${table(one, runs)}`).join('\n\n');
}

function table({ race, scenario, builds }: RemedyCase, all: readonly RemedyRun[]): string {
  const columns = COLUMNS[race] ?? [];
  const head = ['remedy', 'build', 'runs', ...columns.map(([title]) => title)];
  const rows = builds.map(({ remedy, build }) => {
    const runs = all.filter((run) => run.scenario === scenario && run.build === build);
    const name = build.replaceAll(/patches\/[\d.]+\//g, '').replaceAll('.patch', '');
    return [
      remedy,
      `\`${name}\``,
      String(runs.length),
      ...columns.map(([, cell]) => (runs.length === 0 ? 'not run' : cell(runs))),
    ];
  });
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

function shareText(runs: readonly RemedyRun[], column: string): string {
  const shares = runs.map(({ measured }) => measured[column] as Share);
  const sum = (of: (share: Share) => number) => shares.reduce((total, share) => total + of(share), 0);
  const occasions = sum(({ of }) => of);
  return occasions === 0 ? 'no occasion' : `${sum(({ hits }) => hits)} of ${occasions}`;
}

function orphanText(runs: readonly RemedyRun[], column: string): string {
  const all = runs.map(({ measured }) => measured[column] as Orphans);
  const requests = all.reduce((sum, one) => sum + one.requests, 0);
  const ended = all.flatMap(({ ended_s }) => ended_s);
  const open = all.flatMap(({ open_s }) => open_s);
  if (requests === 0) return 'no occasion';
  if (ended.length + open.length === 0) return `nothing left by ${requests}`;
  const blocked = [
    ...(ended.length > 0 ? [`${ended.length} for ${range(ended)} s`] : []),
    ...(open.length > 0 ? [`${open.length} to the end, ${range(open)} s later`] : []),
  ];
  return `${ended.length + open.length} of ${requests} blocked: ${blocked.join(', ')}`;
}

function sumOf(runs: readonly RemedyRun[], column: string): number {
  return runs.reduce((sum, { measured }) => sum + Number(measured[column]), 0);
}

function slowest(runs: readonly RemedyRun[]): string {
  return `${Math.max(...runs.map(({ measured }) => Number(measured.clear_s))).toFixed(1)} s`;
}

function range(numbers: readonly number[]): string {
  const [least, most] = [Math.min(...numbers), Math.max(...numbers)];
  return least === most ? String(least) : `${least}–${most}`;
}
