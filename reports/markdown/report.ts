import type { Manifest } from '../../harness/model/manifest.ts';
import type { InvariantResult, Judgement } from '../../harness/model/verdict.ts';
import { commandToExplain, commandToRepeat } from '../commands.ts';
import { harnessCost, provenance } from '../conditions.ts';
import { CONFLICTS_TITLE, conflictTable } from '../conflicts.ts';
import { deadlockOf, storyLines } from '../deadlocks.ts';
import { contrastWords, faultWords, howOften } from '../finding-words.ts';
import { knownAsNow } from '../known.ts';
import { evidence, headline, isNotExercised, worstFirst } from '../summary.ts';
import { count, counted, excerpt, GLYPH, moment } from '../words.ts';
import { code, document, markdownTable, plain } from './document.ts';
import { knownSection } from './known.ts';

/** A comment on a pull request takes 65,536 characters; with these the rest is named. */
const MOST_FINDINGS = 8;

/**
 * `report.md`: for a pull request or a job summary. What broke stands open, what holds and the conditions are folded;
 * deadlocks, faults, causes of refusals and latency are left to the HTML report.
 */
export function reportMarkdown(judgement: Judgement, manifest: Manifest): string {
  const sorted = worstFirst(judgement.invariants);
  const kept = sorted.filter((one) => one.verdict === 'pass' || isNotExercised(one));
  const doubtful = sorted.filter((one) => !kept.includes(one));
  return document([
    `# ${judgement.verdict.toUpperCase()}: ${plain(judgement.build)}, scenario ${plain(judgement.scenario)}`,
    plain(headline(judgement)),
    ...knownSection(judgement.known),
    countsLine(judgement),
    ...findingSections(judgement, manifest),
    ...(doubtful.length === 0 ? [] : ['## Invariants', invariantTable(doubtful)]),
    code(commandToRepeat(judgement.run, manifest.repeat)),
    fold(
      `${counted(kept.length, 'invariant')} satisfied or not exercised`,
      kept.length > 0 ? [invariantTable(kept)] : [],
    ),
    fold(CONFLICTS_TITLE, conflicts(judgement)),
    fold('Conditions', conditions(judgement, manifest)),
  ]);
}

function fold(title: string, blocks: readonly string[]): string {
  if (blocks.length === 0) return '';
  return document([`<details><summary>${plain(title)}</summary>`, ...blocks, '</details>']).trimEnd();
}

function conflicts(judgement: Judgement): string[] {
  const found = conflictTable(judgement);
  if (found === null) return [];
  return [
    markdownTable(
      found.head,
      found.rows.map((row) => row.map((cell) => plain(excerpt(cell, 120)))),
    ),
    plain(found.note),
  ];
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

/**
 * The stories are the HTML report's and `windtunnel explain`'s: a table of thirty rows is no comment on a pull request.
 */
function findingSections(judgement: Judgement, manifest: Manifest): string[] {
  const { findings, findings_left_out: leftOut, run, deadlocks } = judgement;
  if (findings.length === 0 && leftOut === null) return [];
  const hidden = findings.length - MOST_FINDINGS;
  return [
    '## Findings',
    ...findings.slice(0, MOST_FINDINGS).flatMap((finding) => {
      const { id, title, worst, invariants, contrast, faults } = finding;
      const deadlock = deadlockOf(finding, deadlocks);
      return [
        `### ${id}: ${plain(title)}`,
        plain(`${howOften(finding)}; ${knownAsNow(finding, judgement.known)}.`),
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
            ...(finding.worker_logs ?? []).map((file) => `* log of a real worker: ${plain(file)}`),
          ].join('\n'),
          code([commandToExplain(run, finding), commandToRepeat(judgement.run, manifest.repeat)].join('\n')),
        ]),
      ];
    }),
    ...(hidden > 0 ? [`… and ${counted(hidden, 'more finding')}: \`windtunnel explain\` lists them all.`] : []),
    ...(leftOut === null ? [] : [plain(leftOut)]),
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
            assumptions.map(({ verdict, name, sentence }) => [
              GLYPH[verdict],
              plain(name),
              plain(excerpt(sentence, 400)),
            ]),
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
