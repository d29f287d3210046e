import type { Manifest } from '../../harness/model/manifest.ts';
import type { InvariantResult, Judgement, Verdict } from '../../harness/model/verdict.ts';
import { classTable } from '../classes.ts';
import { storyLines, titleOf } from '../dossier.ts';
import { faultTable, type PhaseWord } from '../fault-words.ts';
import { contrastWords, explainCommand, faultWords, howOften, knownAs } from '../finding-words.ts';
import { type DeadlockKind, deadlockKinds, exampleQuery, harnessCost, LIMITS, provenance } from '../findings.ts';
import {
  evidence,
  headline,
  isNotExercised,
  numbered,
  proof,
  proofQuery,
  violationsShown,
  worstFirst,
} from '../summary.ts';
import { count, counted, excerpt, milliseconds, moment } from '../words.ts';

const GLYPH: Record<Verdict, string> = { fail: '✗', unknown: '?', pass: '✓' };

/** A comment on a pull request takes 65,536 characters; what makes it longer is left to the HTML report. */
const MOST_CHARACTERS = 60_000;
/** With these the rest is named. */
const MOST_FINDINGS = 8;

/** `report.md`: for a pull request, a job summary or a terminal pager. What broke stands open, the rest is folded. */
export function reportMarkdown(judgement: Judgement, manifest: Manifest): string {
  const { run, invariants } = judgement;
  const sorted = worstFirst(invariants);
  const kept = sorted.filter((one) => one.verdict === 'pass' || isNotExercised(one));
  const doubtful = sorted.filter((one) => !kept.includes(one));
  const open = [
    `# ${judgement.verdict.toUpperCase()}: ${escaped(judgement.build)}, scenario ${escaped(judgement.scenario)}`,
    escaped(headline(judgement)),
    countsLine(judgement),
    ...findingSections(judgement, manifest),
    ...(doubtful.length === 0 ? [] : ['## Promises', promiseTable(doubtful)]),
    ...violationSections(judgement),
  ];
  const folds = [
    fold(
      `${counted(kept.length, 'promise')} kept, or not put to the test`,
      kept.length > 0 ? [promiseTable(kept)] : [],
    ),
    fold('Deadlocks', deadlockSection(judgement)),
    fold('What the faults did', faultSection(judgement)),
    fold('Refusals and failures', refusalSection(judgement)),
    fold('Latency', latencySection(judgement)),
    fold('How it was measured', conditions(judgement, manifest)),
    fold('Look deeper', [code(exampleQuery(run))]),
  ];
  return document(fitting([...open, code(manifest.repeat)], folds));
}

/** Open: what broke. Folded: as much as there is room for. */
function fitting(open: readonly string[], folds: readonly string[]): string[] {
  let room = MOST_CHARACTERS - open.reduce((sum, block) => sum + block.length + 2, 0);
  const shown = folds.filter((block) => {
    const fits = block.length + 2 <= room;
    if (fits) room -= block.length + 2;
    return fits;
  });
  return [
    ...open,
    ...shown,
    ...(shown.length < folds.length ? ['The rest is in report.html: it is too long for here.'] : []),
  ];
}

function fold(title: string, blocks: readonly string[]): string {
  if (blocks.length === 0) return '';
  return document([`<details><summary>${escaped(title)}</summary>`, ...blocks, '</details>']).trimEnd();
}

function countsLine({ counts }: Judgement): string {
  return [
    counted(counts.operations ?? 0, 'request'),
    `409: ${count(counts.http_409 ?? 0)}`,
    `5xx: ${count(counts.http_5xx ?? 0)}`,
    `deadlocks: ${count(counts.deadlocks ?? 0)}`,
  ].join(' · ');
}

function promiseTable(invariants: readonly InvariantResult[]): string {
  return table(
    ['', 'promise', 'what was seen', 'known race'],
    invariants.map((invariant) => [
      GLYPH[invariant.verdict],
      `**${escaped(invariant.name)}** ${escaped(invariant.claim)}`,
      escaped(evidence(invariant)),
      escaped(invariant.seeds.join(', ')),
    ]),
  );
}

function faultSection({ faults }: Judgement): string[] {
  if (faults.length === 0) return [];
  const { head, rows, note } = faultTable(faults);
  return [
    escaped(note),
    table(
      head,
      rows.map(({ name, victim, about, cells }) => [
        `**${escaped(name)}** ${escaped(victim)} ${escaped(excerpt(about, 120))}`,
        ...cells.map((cell) => (typeof cell === 'string' ? escaped(cell) : cell.map(phaseWord).join(' → '))),
      ]),
    ),
  ];
}

function phaseWord({ text, worse }: PhaseWord): string {
  return worse ? `**${escaped(text)}**` : escaped(text);
}

/** The stories are the HTML report's and `windtunnel explain`'s: a table of thirty rows is no comment on a pull request. */
function findingSections({ findings, findings_left_out: leftOut, run }: Judgement, manifest: Manifest): string[] {
  if (findings.length === 0) return [];
  const hidden = findings.length - MOST_FINDINGS;
  return [
    '## Findings',
    ...findings.slice(0, MOST_FINDINGS).flatMap((finding) => {
      const { id, title, worst, promises, contrast, faults } = finding;
      return [
        `### ${id}: ${escaped(title)}`,
        escaped(`${howOften(finding)}; ${knownAs(finding)}.`),
        fold('The worst, what it breaks, and how to see it', [
          `At ${moment(worst.at_ms)}: ${escaped(worst.sentence)}`,
          [
            `* breaks ${promises.map(({ name, violations }) => `**${escaped(name)}** (${count(violations)})`).join(', ')}`,
            ...(contrast?.lines.length ? contrastWords(contrast).lines : []).map((line) => `* ${escaped(line)}`),
            ...faults.map((fault) => `* fault ${escaped(faultWords(fault))}`),
          ].join('\n'),
          code([explainCommand(run, finding), manifest.repeat].join('\n')),
        ]),
      ];
    }),
    ...(hidden > 0 ? [`… and ${counted(hidden, 'more finding')}: \`windtunnel explain\` tells them all.`] : []),
    ...(leftOut === null ? [] : [escaped(leftOut)]),
  ];
}

/** Without findings each promise tells its own violations. */
function violationSections(judgement: Judgement): string[] {
  if (judgement.findings.length > 0) return [];
  const broken = worstFirst(judgement.invariants).filter(({ verdict }) => verdict === 'fail');
  if (broken.length === 0) return [];
  return ['## Broken promises', ...broken.flatMap((invariant) => violations(invariant, judgement.run))];
}

function violations(invariant: InvariantResult, run: string): string[] {
  const shown = violationsShown(invariant);
  const items = shown.map(({ places, violation }) => {
    const rows = proof(violation);
    const where = rows === '' ? '' : ` (${rows})`;
    return `* **${places.join(', ')}**, ${moment(violation.at_ms)}: ${escaped(violation.sentence)}${where}`;
  });
  const query = shown[0] ? proofQuery(run, shown[0].violation) : null;
  return [
    `### ${escaped(invariant.name)}: ${counted(invariant.violations, 'violation')}`,
    items.join('\n'),
    ...(query === null ? [] : [code(query)]),
  ];
}

function deadlockSection({ deadlocks }: Judgement): string[] {
  const kinds = deadlockKinds(deadlocks);
  if (kinds.length === 0) return [];
  const hidden = kinds.length - LIMITS.deadlockKinds;
  return [
    ...kinds.slice(0, LIMITS.deadlockKinds).flatMap(deadlockKind),
    ...(hidden > 0 ? [`… and ${counted(hidden, 'more kind')} of deadlock.`] : []),
  ];
}

function deadlockKind(kind: DeadlockKind): string[] {
  const requests = kind.operations.length > 0 ? `; failed: ${numbered('operation', kind.operations)}` : '';
  const sides = kind.example.sides.slice(0, 6).map(({ process, pid, statement }, index) => {
    const who = `-- ${excerpt(process, 80)} (pid ${pid})${index === 0 ? ', the victim' : ''}`;
    return `${who}\n${excerpt(statement, LIMITS.statement)}`;
  });
  const story = storyLines(kind.example).map((line) => `* ${escaped(line)}`);
  return [
    `### ${count(kind.count)} × ${escaped(titleOf(kind))}`,
    `First at ${moment(kind.first.at_ms)}, last at ${moment(kind.last.at_ms)}${requests}. The one at ${moment(kind.example.at_ms)}:`,
    story.join('\n'),
    code(sides.join('\n\n'), 'sql'),
  ];
}

function refusalSection(judgement: Judgement): string[] {
  if (judgement.classes.length === 0) return [];
  const { head, rows, note, hidden } = classTable(judgement);
  return [
    escaped(note),
    table(
      head,
      rows.map((row) => row.map(escaped)),
    ),
    ...(hidden > 0 ? [`… and ${counted(hidden, 'more kind')}.`] : []),
  ];
}

function latencySection({ latency }: Judgement): string[] {
  if (latency.length === 0) return [];
  return [
    'Milliseconds from the intended start of a request to its end.',
    table(
      ['operation', 'count', 'p50', 'p95', 'p99', 'max'],
      latency.map((row) => [
        escaped(row.kind),
        count(row.count),
        ...[row.p50_ms, row.p95_ms, row.p99_ms, row.max_ms].map(milliseconds),
      ]),
    ),
  ];
}

function conditions(judgement: Judgement, manifest: Manifest): string[] {
  const { assumptions, thresholds } = judgement;
  return [
    escaped(harnessCost(judgement, manifest)),
    ...(assumptions.length === 0
      ? []
      : [
          table(
            ['', 'assumption', ''],
            assumptions.map(({ verdict, name, sentence }) => [GLYPH[verdict], escaped(name), escaped(sentence)]),
          ),
        ]),
    ...(thresholds.length === 0
      ? []
      : [
          table(
            ['', 'threshold', 'measured'],
            thresholds.map(({ verdict, metric, expression, value }) => [
              GLYPH[verdict],
              `${escaped(metric)} ${escaped(expression)}`,
              value === null ? 'nothing' : String(Number(value.toPrecision(4))),
            ]),
          ),
        ]),
    table(
      ['', ''],
      provenance(judgement, manifest).map(([name, value]) => [escaped(name), escaped(value)]),
    ),
  ];
}

export function document(blocks: readonly string[]): string {
  return `${blocks.filter((block) => block !== '').join('\n\n')}\n`;
}

export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  if (rows.length === 0) return '';
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

/** A fence longer than any run of backticks inside, so that nothing can close it. */
export function code(text: string, language = ''): string {
  const longest = Math.max(2, ...[...text.matchAll(/`+/g)].map(([ticks]) => ticks.length));
  const fence = '`'.repeat(longest + 1);
  const shown = text.split('\n').map((line) => excerpt(line, 4000));
  return `${fence}${language}\n${shown.join('\n')}\n${fence}`;
}

/** Everything that Markdown, its tables and its HTML would read as markup; also mentions of people. */
export function escaped(text: string): string {
  return excerpt(text, LIMITS.sentence)
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replace(/[\\`*_[\]|~]/g, '\\$&')
    .replace(/^[#+=-]/, '\\$&')
    .replace(/(?<!\w)@/g, '@<!-- -->');
}
