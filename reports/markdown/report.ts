import type { Manifest } from '../../harness/model/manifest.ts';
import type { InvariantResult, Judgement } from '../../harness/model/verdict.ts';
import { commandToExplain, exampleQuery, proofQuery } from '../commands.ts';
import { harnessCost, provenance } from '../conditions.ts';
import { type DeadlockKind, deadlockKinds, deadlockOf, storyLines, titleOf } from '../deadlocks.ts';
import { faultTable, type PhaseWord } from '../fault-words.ts';
import { contrastWords, faultWords, howOften, knownAs } from '../finding-words.ts';
import { classTable } from '../refusals.ts';
import { evidence, headline, isNotExercised, numbered, proof, violationsShown, worstFirst } from '../summary.ts';
import { count, counted, excerpt, GLYPH, LIMITS, milliseconds, moment } from '../words.ts';
import { code, document, markdownTable, plain } from './document.ts';

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
    `# ${judgement.verdict.toUpperCase()}: ${plain(judgement.build)}, scenario ${plain(judgement.scenario)}`,
    plain(headline(judgement)),
    countsLine(judgement),
    ...findingSections(judgement, manifest),
    ...(doubtful.length === 0 ? [] : ['## Invariants', invariantTable(doubtful)]),
    ...violationSections(judgement),
  ];
  const folds = [
    fold(
      `${counted(kept.length, 'invariant')} satisfied or not exercised`,
      kept.length > 0 ? [invariantTable(kept)] : [],
    ),
    fold('Deadlocks', deadlockSection(judgement)),
    fold('Effects of the faults', faultSection(judgement)),
    fold('Refused and failed requests', refusalSection(judgement)),
    fold('Latency', latencySection(judgement)),
    fold('Conditions', conditions(judgement, manifest)),
    fold('Query this run', [code(exampleQuery(run))]),
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
    ...(shown.length < folds.length ? ['report.html has the sections that are too long for this document.'] : []),
  ];
}

function fold(title: string, blocks: readonly string[]): string {
  if (blocks.length === 0) return '';
  return document([`<details><summary>${plain(title)}</summary>`, ...blocks, '</details>']).trimEnd();
}

function countsLine({ counts }: Judgement): string {
  return [
    counted(counts.operations ?? 0, 'request'),
    `409: ${count(counts.http_409 ?? 0)}`,
    `5xx: ${count(counts.http_5xx ?? 0)}`,
    `deadlocks: ${count(counts.deadlocks ?? 0)}`,
  ].join(' · ');
}

function invariantTable(invariants: readonly InvariantResult[]): string {
  return markdownTable(
    ['', 'invariant', 'evidence', 'known issues'],
    invariants.map((invariant) => [
      GLYPH[invariant.verdict],
      `**${plain(invariant.name)}** ${plain(invariant.claim)}`,
      plain(evidence(invariant)),
      plain(invariant.known_issues.join(', ')),
    ]),
  );
}

function faultSection({ faults }: Judgement): string[] {
  if (faults.length === 0) return [];
  const { head, rows, note } = faultTable(faults);
  return [
    plain(note),
    markdownTable(
      head,
      rows.map(({ name, victim, about, cells }) => [
        `**${plain(name)}** ${plain(victim)} ${plain(excerpt(about, 120))}`,
        ...cells.map((cell) => (typeof cell === 'string' ? plain(cell) : cell.map(phaseWord).join(' → '))),
      ]),
    ),
  ];
}

function phaseWord({ text, worse }: PhaseWord): string {
  return worse ? `**${plain(text)}**` : plain(text);
}

/**
 * The stories are the HTML report's and `windtunnel explain`'s: a table of thirty rows is no comment on a pull request.
 */
function findingSections(judgement: Judgement, manifest: Manifest): string[] {
  const { findings, findings_left_out: leftOut, run, deadlocks } = judgement;
  if (findings.length === 0) return [];
  const hidden = findings.length - MOST_FINDINGS;
  return [
    '## Findings',
    ...findings.slice(0, MOST_FINDINGS).flatMap((finding) => {
      const { id, title, worst, invariants, contrast, faults } = finding;
      const deadlock = deadlockOf(finding, deadlocks);
      return [
        `### ${id}: ${plain(title)}`,
        plain(`${howOften(finding)}; ${knownAs(finding)}.`),
        fold('Worst occurrence, violated invariants, commands', [
          deadlock ? `At ${moment(worst.at_ms)}:` : `At ${moment(worst.at_ms)}: ${plain(worst.sentence)}`,
          ...(deadlock
            ? [
                storyLines(deadlock)
                  .map((line) => `* ${plain(line)}`)
                  .join('\n'),
              ]
            : []),
          [
            `* violates ${invariants.map(({ name, violations }) => `**${plain(name)}** (${count(violations)})`).join(', ')}`,
            ...(contrast?.lines.length ? contrastWords(contrast).lines : []).map((line) => `* ${plain(line)}`),
            ...faults.map((fault) => `* fault ${plain(faultWords(fault))}`),
          ].join('\n'),
          code([commandToExplain(run, finding), manifest.repeat].join('\n')),
        ]),
      ];
    }),
    ...(hidden > 0 ? [`… and ${counted(hidden, 'more finding')}: \`windtunnel explain\` lists them all.`] : []),
    ...(leftOut === null ? [] : [plain(leftOut)]),
  ];
}

/** Without findings each invariant has its own violations. */
function violationSections(judgement: Judgement): string[] {
  if (judgement.findings.length > 0) return [];
  const broken = worstFirst(judgement.invariants).filter(({ verdict }) => verdict === 'fail');
  if (broken.length === 0) return [];
  return ['## Violations', ...broken.flatMap((invariant) => violations(invariant, judgement.run))];
}

function violations(invariant: InvariantResult, run: string): string[] {
  const shown = violationsShown(invariant);
  const items = shown.map(({ places, violation }) => {
    const rows = proof(violation);
    const where = rows === '' ? '' : ` (${rows})`;
    return `* **${places.join(', ')}**, ${moment(violation.at_ms)}: ${plain(violation.sentence)}${where}`;
  });
  const query = shown[0] ? proofQuery(run, shown[0].violation) : null;
  return [
    `### ${plain(invariant.name)}: ${counted(invariant.violations, 'violation')}`,
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
  const story = storyLines(kind.example).map((line) => `* ${plain(line)}`);
  return [
    `### ${count(kind.count)} × ${plain(titleOf(kind))}`,
    `First at ${moment(kind.first.at_ms)}, last at ${moment(kind.last.at_ms)}${requests}. Example, at ${moment(kind.example.at_ms)}:`,
    story.join('\n'),
    fold('SQL statements', [code(sides.join('\n\n'), 'sql')]),
  ];
}

function refusalSection(judgement: Judgement): string[] {
  if (judgement.classes.length === 0) return [];
  const { head, rows, note, hidden } = classTable(judgement);
  return [
    plain(note),
    markdownTable(
      head,
      rows.map((row) => row.map(plain)),
    ),
    ...(hidden > 0 ? [`… and ${counted(hidden, 'more kind')}.`] : []),
  ];
}

function latencySection({ latency }: Judgement): string[] {
  if (latency.length === 0) return [];
  return [
    'Milliseconds from the intended start of a request to its end.',
    markdownTable(
      ['operation', 'count', 'p50', 'p95', 'p99', 'max'],
      latency.map((row) => [
        plain(row.kind),
        count(row.count),
        ...[row.p50_ms, row.p95_ms, row.p99_ms, row.max_ms].map(milliseconds),
      ]),
    ),
  ];
}

function conditions(judgement: Judgement, manifest: Manifest): string[] {
  const { assumptions, thresholds } = judgement;
  return [
    plain(harnessCost(judgement, manifest)),
    ...(assumptions.length === 0
      ? []
      : [
          markdownTable(
            ['', 'assumption', ''],
            assumptions.map(({ verdict, name, sentence }) => [GLYPH[verdict], plain(name), plain(sentence)]),
          ),
        ]),
    ...(thresholds.length === 0
      ? []
      : [
          markdownTable(
            ['', 'threshold', 'measured'],
            thresholds.map(({ verdict, metric, expression, value }) => [
              GLYPH[verdict],
              `${plain(metric)} ${plain(expression)}`,
              value === null ? 'not measured' : String(Number(value.toPrecision(4))),
            ]),
          ),
        ]),
    markdownTable(
      ['', ''],
      provenance(judgement, manifest).map(([name, value]) => [plain(name), plain(value)]),
    ),
  ];
}
