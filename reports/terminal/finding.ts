import type { Finding, Timeline, TimelineEntry } from '../../harness/model/finding.ts';
import type { Manifest } from '../../harness/model/manifest.ts';
import type { Deadlock, Judgement } from '../../harness/model/verdict.ts';
import { commandToExplain, commandToRepeat, evidenceQuery } from '../commands.ts';
import { deadlockOf, LANES, storyLines } from '../deadlocks.ts';
import { CLOCKS, contrastWords, faultWords, howOften, knownAs, offset, stateChange } from '../finding-words.ts';
import { count, counted, excerpt, LIMITS, lines, moment, padEnd, shorten, visible } from '../words.ts';
import { hanging, type Paint, paintFor, SCREEN, type TextOptions } from './screen.ts';

/** `windtunnel explain RUN`: a short paragraph for each finding. */
export function findingsText(judgement: Judgement, options: TextOptions): string {
  const paint = paintFor(options);
  const { findings, findings_left_out: leftOut } = judgement;
  if (findings.length === 0)
    return leftOut ?? `${visible(judgement.build)} violated no invariant in this run: there is nothing to explain.`;
  const paragraphs = findings.map((finding) => paragraph(finding, paint));
  const more = `details: ${commandToExplain(judgement.run)} ${findings[0]?.id}`;
  return [...paragraphs, ...(leftOut === null ? [] : [leftOut]), paint.dim(visible(more))].join('\n\n');
}

function paragraph(finding: Finding, paint: Paint): string {
  const { id, title, invariants, contrast } = finding;
  const apart = contrast?.lines[0]
    ? ` ${contrastWords({ ...contrast, lines: contrast.lines.slice(0, 1) }).lines[0]}.`
    : '';
  const text =
    `${title}: ${howOften(finding)}, ${knownAs(finding)}. ` +
    `Violates ${invariants.map(({ name, violations }) => `${name} (${count(violations)})`).join(', ')}.${sentence(apart)}`;
  const [first = '', ...rest] = lines(visible(text), SCREEN.columns - 4);
  return [`${paint.bold(padEnd(id, 4))}${first}`, ...rest.map((line) => `    ${line}`)].join('\n');
}

function sentence(text: string): string {
  return text.replace(/^ ./, (start) => start.toUpperCase());
}

/** `windtunnel explain RUN F1`: the whole story of one. */
export function findingText(judgement: Judgement, manifest: Manifest, finding: Finding, options: TextOptions): string {
  const paint = paintFor(options);
  const { id, fingerprint, title, invariants, worst, contrast, faults, timeline, left_out } = finding;
  const query = evidenceQuery(judgement.run, finding);
  const apart = contrast && contrastWords(contrast);
  const deadlock = deadlockOf(finding, judgement.deadlocks);
  return [
    ...lines(visible(`${id}  ${title}`), SCREEN.columns).map((line) => paint.bold(line)),
    visible(`${howOften(finding)} · ${knownAs(finding)} · fingerprint ${fingerprint}`),
    ...(left_out === null ? [] : lines(visible(left_out), SCREEN.columns)),
    '',
    ...invariants.flatMap(({ name, claim, violations }, index) =>
      block(index === 0 ? 'violates' : '', `${name} (${count(violations)}): ${claim}`),
    ),
    ...(deadlock ? [] : block('worst', `${moment(worst.at_ms)}  ${worst.sentence}`)),
    ...(apart ? block('affected', apart.head) : []),
    ...(apart?.lines.flatMap((line) => block('', line)) ?? []),
    ...(faults.length === 0 ? block('faults', 'none open') : []),
    ...faults.flatMap((fault, index) => block(index === 0 ? 'faults' : '', faultWords(fault))),
    ...(finding.worker_logs ?? []).flatMap((log, index) => block(index === 0 ? 'real logs' : '', log)),
    ...(deadlock ? steps(deadlock, paint) : timeline === null ? [] : story(timeline, paint)),
    '',
    `repeat    ${visible(commandToRepeat(judgement.run, manifest.repeat))}`,
    ...(query === null ? [] : [`query     ${visible(query)}`]),
    ...(deadlock ? statements(deadlock, paint) : []),
  ].join('\n');
}

/** What each side did and waited for, then the outcome. */
function steps(deadlock: Deadlock, paint: Paint): string[] {
  return [
    '',
    paint.bold(`steps of the deadlock at ${moment(deadlock.at_ms)}`),
    ...storyLines(deadlock).flatMap((line) => hanging('  • ', line)),
  ];
}

/** The SQL, last: it is long, and the steps say what it does. */
function statements({ sides }: Deadlock, paint: Paint): string[] {
  const each = sides.slice(0, LANES).flatMap(({ process, pid, statement }) => {
    const head = `  ${visible(process)} (pid ${pid})`;
    return [
      paint.dim(shorten(head, SCREEN.columns)),
      ...hanging('    ', excerpt(statement, LIMITS.statement), 4, paint.dim),
    ];
  });
  return ['', paint.dim('SQL statements (whole in report.html)'), ...each];
}

function block(label: string, text: string): string[] {
  return lines(visible(text), SCREEN.columns - 10).map((line, i) => `${padEnd(i === 0 ? label : '', 10)}${line}`);
}

function story(timeline: Timeline, paint: Paint): string[] {
  const who = Math.min(20, Math.max(...timeline.entries.map(({ actor }) => actor.length), 0));
  const hidden = timeline.left_out > 0 ? ` ${counted(timeline.left_out, 'row')} further away not shown.` : '';
  return [
    '',
    ...lines(visible(`timeline of ${timeline.subject}, * marks evidence`), SCREEN.columns).map((line) =>
      paint.bold(line),
    ),
    ...timeline.entries.map((entry) => entryLine(entry, who, paint)),
    ...lines(`${CLOCKS}${hidden}`, SCREEN.columns).map((line) => paint.dim(line)),
  ];
}

function entryLine(entry: TimelineEntry, who: number, paint: Paint): string {
  const { offset_ms, actor, proves, outcome, event } = entry;
  const head = `${offset(offset_ms).padStart(9)} ${proves ? '*' : ' '} ${padEnd(shorten(visible(actor), who), who)}  `;
  const words = [entry.what, stateChange(entry)].filter((word) => word !== '').join('  ');
  const text = `${event === 'answer' ? '← ' : ''}${words}`;
  // What does not fit continues below its own beginning.
  const shown = lines(visible(text), Math.max(30, SCREEN.columns - head.length)).join(`\n${' '.repeat(head.length)}`);
  const painted = outcome === 'refused' ? paint.yellow(shown) : outcome === 'unknown' ? paint.red(shown) : shown;
  return proves ? `${paint.bold(head)}${painted}` : `${paint.dim(head)}${painted}`;
}
