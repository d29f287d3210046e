import { markdownTable, plain } from '../../reports/markdown/document.ts';
import { withParts } from '../marked-parts.ts';
import { EXPLANATIONS } from './explanations.ts';

/** What was answered to one kind of request in one window of a run; `kind` is null where a scheduler met it. */
export interface ContractAnswer {
  readonly window: number;
  readonly role: string;
  readonly sqlstate: string;
  readonly statement: string | null;
  readonly kind: string | null;
  readonly requested: string | null;
  readonly hits: number;
  readonly answered: readonly (string | null)[];
  readonly again: readonly (string | null)[];
  readonly became: readonly (string | null)[];
  readonly says_failed: number;
}

/** One run: a line of records/retry-contract.json. */
export interface ContractRun {
  readonly build: string;
  readonly seed: number;
  /** ISO 8601. */
  readonly at: string;
  readonly load_seconds: number;
  readonly answers: readonly ContractAnswer[];
  readonly ended: readonly { readonly source: string; readonly times: number }[];
  readonly findings: readonly ContractFinding[];
}

/** A known race by its name and title, or the invariant and variant that a finding began with. */
interface ContractFinding {
  readonly name: string;
  readonly variant: string;
  readonly count: number;
  readonly is_known: boolean;
}

/** One run is kept for each build and seed: the newest. */
export function withContractRun(kept: readonly ContractRun[], added: ContractRun): ContractRun[] {
  const others = kept.filter(({ build, seed }) => build !== added.build || seed !== added.seed);
  return [...others, added].sort((a, b) => a.build.localeCompare(b.build) || a.seed - b.seed);
}

/** What was found and has no explanation: `airflow@3.3.2, seed 1: error-contract (state 500)`. */
export function unexplained(runs: readonly ContractRun[]): string[] {
  return runs.flatMap(({ build, seed, findings }) =>
    findings
      .filter((found) => explanationOf(found) === undefined)
      .map(({ name, variant }) => `${build}, seed ${seed}: ${name} (${variant})`),
  );
}

function explanationOf({ name, variant, is_known }: ContractFinding): string | undefined {
  if (is_known) return 'A known race (records/track-record.md), which this load shows by itself.';
  return EXPLANATIONS.find((one) => one.name === name && one.variant.test(variant))?.why;
}

/** The document with what is between its markers made again. Throws if a marker is missing. */
export function contractPage(document: string, runs: readonly ContractRun[]): string {
  const parts = { answers: answersTable(runs), found: foundTable(runs), measured: measured(runs) };
  return withParts(document, 'docs/retry-contract.md', parts);
}

function answersTable(runs: readonly ContractRun[]): string {
  const builds = [...new Set(runs.map(({ build }) => build))];
  const all = runs.flatMap(({ build, answers }) => answers.map((answer) => ({ build, ...answer })));
  const places = new Map(all.map((one) => [placeOf(one), one]));
  const rows = [...places]
    .sort(([, a], [, b]) => a.window - b.window || String(a.kind).localeCompare(String(b.kind)))
    .map(([place, { sqlstate, statement, kind, role }]) => [
      kind === null ? role : kind.replaceAll('_', ' '),
      sqlstate,
      statement === null ? 'a new connection' : `\`${statement.replaceAll('|', '\\|')}\``,
      ...builds.map((build) => cellOf(all.filter((one) => one.build === build && placeOf(one) === place))),
    ]);
  return markdownTable(['request or process', 'error', 'at', ...builds.map((build) => `\`${build}\``)], rows);
}

function placeOf({ window, role, kind }: ContractAnswer): string {
  return `${window} ${role} ${kind}`;
}

/** `12: 500; again 204; became success 9, failed 3; the log says failed 3`. */
function cellOf(answers: readonly ContractAnswer[]): string {
  const hits = answers.reduce((sum, one) => sum + one.hits, 0);
  if (hits === 0) return 'not met';
  const of = (key: 'answered' | 'again') => counted(answers.flatMap((one) => one[key]));
  const wrong = answers.flatMap(({ became, requested }) =>
    became.filter((state) => state !== null && state !== requested).map((state) => `${requested} → ${state}`),
  );
  const says = answers.reduce((sum, one) => sum + one.says_failed, 0);
  const answered = of('answered');
  const again = of('again');
  return [
    `${hits}${answered === '' ? ' answers' : `: ${answered}`}`,
    ...(again === '' ? [] : [`sent again: ${again}`]),
    ...(wrong.length === 0 ? [] : [`recorded: ${counted(wrong)}`]),
    ...(says === 0 ? [] : [`the log says failed: ${says}`]),
  ].join('; ');
}

/** `204 × 3, 500`, the most frequent first. */
function counted(values: readonly (string | null)[]): string {
  const counts = new Map<string, number>();
  for (const value of values) if (value !== null) counts.set(value, (counts.get(value) ?? 0) + 1);
  return [...counts]
    .sort(([a, n], [b, m]) => m - n || a.localeCompare(b))
    .map(([value, n]) => (n === 1 ? value : `${value} × ${n}`))
    .join(', ');
}

function foundTable(runs: readonly ContractRun[]): string {
  const builds = [...new Set(runs.map(({ build }) => build))];
  const all = runs.flatMap(({ findings }) => findings);
  const found = new Map(all.map((one) => [`${one.name}|${one.variant}`, one]));
  const rows = [...found]
    .sort(([a], [b]) => a.localeCompare(b))
    .map(([, finding]) => {
      const { name, variant } = finding;
      const cells = builds.map((build) => {
        const of = runs.filter((run) => run.build === build);
        const hit = of.filter(({ findings }) => findings.some((one) => one.name === name && one.variant === variant));
        return `${hit.length} of ${of.length}`;
      });
      return [`\`${name}\``, plain(variant), ...cells, plain(explanationOf(finding) ?? 'NOT EXPLAINED')];
    });
  return markdownTable(['invariant or race', 'variant', ...builds.map((build) => `\`${build}\``), 'why'], rows);
}

function measured(runs: readonly ContractRun[]): string {
  if (runs.length === 0) return 'Not measured yet.';
  const days = [...new Set(runs.map(({ at }) => at.slice(0, 10)))].join(', ');
  const ended = runs.flatMap((run) =>
    run.ended.map(({ source, times }) => `- ${source} of ${run.build}, seed ${run.seed}: ${times}`),
  );
  const died =
    ended.length === 0 ? 'No process ended.' : `Processes that ended by themselves, how often:\n\n${ended.join('\n')}`;
  return `Measured ${days}, ${runs.length} runs.\n\n${died}`;
}
