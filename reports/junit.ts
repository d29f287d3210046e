import type { Finding } from '../harness/model/finding.ts';
import type { KnownResult } from '../harness/model/known.ts';
import type { Replay } from '../harness/model/replay.ts';
import type { AssumptionResult, InvariantResult, Judgement, ThresholdResult } from '../harness/model/verdict.ts';
import { commandToExplain } from './commands.ts';
import { howOften } from './finding-words.ts';
import { isBadStatus, knownAsNow, statusOf } from './known.ts';
import { evidence, isNotExercised, proof, violationsShown } from './summary.ts';
import { howOftenPlayed, OUTCOME_WORDS } from './terminal/replay.ts';
import { escaped, excerpt, moment } from './words.ts';

/** JUnit's XML as CI systems read it: one test case per invariant, assumption and threshold. */
export function reportJunit(judgement: Judgement): string {
  const { invariants, assumptions, thresholds, load_seconds, scenario, build } = judgement;
  const suites = [
    suite(
      'invariants',
      load_seconds,
      invariants.map((invariant) => invariantCase(invariant, judgement)),
    ),
    suite('assumptions', 0, assumptions.map(assumptionCase)),
    suite('thresholds', 0, thresholds.map(thresholdCase)),
  ];
  const name = `windtunnel ${scenario} ${build}`;
  const body = suites.filter(({ cases }) => cases.length > 0).map(({ xml }) => xml);
  const totals = totalsOf(suites.flatMap(({ cases }) => cases));
  return `<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="${attribute(name)}" ${totals} time="${load_seconds.toFixed(3)}">
${body.join('\n')}
</testsuites>
`;
}

/** The outcomes of a replay: one test case a file. What does not show that a race is gone is an error. */
export function replayJunit({ build, files }: Replay): string {
  const cases = files.map((file) => {
    const { race, title, outcome, why, file: name, run } = file;
    const end = outcome === 'broken' ? 'failure' : outcome === 'held' || outcome === 'excluded' ? 'passed' : 'error';
    const message = `${OUTCOME_WORDS[outcome]}${howOftenPlayed(file)}`;
    return testCase('races', `${race} ${title}`, end, message, [why ?? '', name, run].join('\n'));
  });
  const { xml } = suite('races', 0, cases);
  return `<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="${attribute(`windtunnel replay ${build}`)}" ${totalsOf(cases)}>
${xml}
</testsuites>
`;
}

interface Case {
  readonly end: 'passed' | 'failure' | 'error' | 'skipped';
  readonly xml: string;
}

interface Suite {
  readonly cases: readonly Case[];
  readonly xml: string;
}

function suite(name: string, timeS: number, cases: readonly Case[]): Suite {
  const xml = `  <testsuite name="${name}" ${totalsOf(cases)} time="${timeS.toFixed(3)}">
${cases.map(({ xml }) => xml).join('\n')}
  </testsuite>`;
  return { cases, xml };
}

function totalsOf(cases: readonly Case[]): string {
  const ended = (end: Case['end']) => cases.filter((one) => one.end === end).length;
  const [failures, errors, skipped] = [ended('failure'), ended('error'), ended('skipped')];
  return `tests="${cases.length}" failures="${failures}" errors="${errors}" skipped="${skipped}"`;
}

/** An unknown that was aimed at is an error: CI must not be green when an invariant was not exercised. */
function invariantCase(invariant: InvariantResult, { findings, run, known }: Judgement): Case {
  const message = evidence(invariant);
  switch (invariant.verdict) {
    case 'pass':
      return testCase('invariants', invariant.name, 'passed', message, invariant.claim);
    case 'unknown':
      return testCase('invariants', invariant.name, isNotExercised(invariant) ? 'skipped' : 'error', message, '');
    case 'fail': {
      const sentences = violationsShown(invariant).map(
        ({ places, violation }) =>
          `${places.join(', ')} at ${moment(violation.at_ms)}: ${violation.sentence} [${proof(violation)}]`,
      );
      const its = findings.filter(({ invariants }) => invariants.some(({ name }) => name === invariant.name));
      const causes = its.map(
        (finding) =>
          `${finding.title}, ${howOften(finding)}, ${knownAsNow(finding, known)}: ${commandToExplain(run, finding)}`,
      );
      const text = [invariant.claim, ...causes, ...sentences].join('\n');
      return testCase('invariants', invariant.name, endOf(its, known), `${asKnown(its, known)}${message}`, text);
    }
    default:
      return invariant.verdict satisfies never;
  }
}

/**
 * With known findings a violation fails the build if its cause is new or worse. What could not be grouped by cause
 * may be new: an error.
 */
function endOf(its: readonly Finding[], known: KnownResult | undefined): Case['end'] {
  if (known === undefined) return 'failure';
  const statuses = its.map((finding) => statusOf(finding, known));
  if (statuses.some((status) => status !== undefined && isBadStatus(status))) return 'failure';
  return its.length === 0 ? 'error' : 'skipped';
}

function asKnown(its: readonly Finding[], known: KnownResult | undefined): string {
  return endOf(its, known) === 'skipped' ? 'as known: ' : '';
}

/** An assumption that does not hold says something about the run, not the build: an error, never a failure. */
function assumptionCase({ name, verdict, sentence, claim }: AssumptionResult): Case {
  return testCase('assumptions', name, verdict === 'pass' ? 'passed' : 'error', sentence, claim);
}

function thresholdCase({ metric, expression, verdict, value }: ThresholdResult): Case {
  const end = { pass: 'passed', fail: 'failure', unknown: 'error' } as const;
  const measured = value === null ? 'not measured' : `measured ${value}`;
  return testCase('thresholds', `${metric} ${expression}`, end[verdict], measured, '');
}

function testCase(group: string, name: string, end: Case['end'], message: string, text: string): Case {
  const open = `    <testcase classname="windtunnel.${group}" name="${attribute(name)}"`;
  if (end === 'passed') return { end, xml: `${open}/>` };
  const about = `<${end} message="${attribute(message)}"`;
  const inner = end === 'skipped' ? `${about}/>` : `${about} type="${end}">${lines(text)}</${end}>`;
  return { end, xml: `${open}>\n      ${inner}\n    </testcase>` };
}

/** `excerpt` removes what XML cannot hold at all. */
function attribute(text: string): string {
  return escaped(excerpt(text, 500));
}

function lines(text: string): string {
  return text
    .split('\n')
    .map((line) => escaped(excerpt(line, 2000)))
    .join('\n');
}
