import type { Calibration, CalibrationFindings, DefectFigures } from '../../harness/model/calibration.ts';
import {
  answerOf,
  calibrationSentence,
  catchersOf,
  cleanText,
  explainable,
  firstText,
  foundText,
  intervalOf,
  matrixOf,
  remarksOf,
  settingsText,
} from '../calibration.ts';
import { count, percent, seconds } from '../words.ts';
import { intervalBar, levelOf, trendChart } from './chart-calibration.ts';
import { type Content, cut, type Html, html } from './html.ts';
import { command, facts, page, section, table } from './page.ts';

/** The page beside a kept result. `history`: what was kept before it and itself, the oldest first. */
export function calibrationHtml(
  calibration: Calibration,
  findings: CalibrationFindings,
  history: readonly Calibration[] = [calibration],
): string {
  return page('windtunnel: how surely defects are found', [
    hero(calibration, findings),
    html`<main>`,
    defects(calibration, history),
    matrix(calibration),
    clean(calibration),
    toExplain(calibration),
    results(history),
    repeat(calibration),
    html`</main>`,
    html`<footer>windtunnel calibrate · ${calibration.started_at.slice(0, 16).replace('T', ' ')} UTC</footer>`,
  ]);
}

function hero(calibration: Calibration, findings: CalibrationFindings): Html {
  const { defects: all, clean: quiet, runs, started_at, ended_at } = calibration;
  const { word, verdict } = answerOf(calibration, findings);
  const [found, ran] = all.reduce(([f, r], one) => [f + one.found, r + one.runs], [0, 0]);
  const spent = (Date.parse(ended_at) - Date.parse(started_at)) / 1000;
  const numbers: [string, Content][] = [
    ['defects', count(all.length)],
    ['runs of them found', html`${ran === 0 ? '–' : percent(found / ran)}`],
    ['clean runs', count(quiet.runs)],
    [
      'false alarms',
      html`<span class="${quiet.false_alarms > 0 ? 'some' : 'none'}">${count(quiet.false_alarms)}</span>`,
    ],
    ['runs in all', count(runs.length)],
    ['took', seconds(spent)],
  ];
  return html`<header>
<div class="hero ${verdict}">
<p class="eyebrow">${cut(settingsText(calibration), 300)}</p>
<h1><span class="badge ${verdict}">${word}</span>How surely defects are found</h1>
<p class="why">${cut(calibrationSentence(calibration, findings), 1200)}.</p>
</div>
${facts(numbers, 'numbers')}
${remarksOf(calibration, findings).map((remark) => html`<p class="note">${cut(remark, 600)}.</p>`)}
</header>
`;
}

function defects({ defects: all }: Calibration, history: readonly Calibration[]): Html | null {
  if (all.length === 0) return null;
  const rows = all.map((one) => [
    html`<strong>${cut(one.name, 80)}</strong> <span class="soft">${one.race}</span><small>${cut(one.summary, 300)}</small>`,
    foundCell(one),
    html`<span class="nowrap">${firstText(one)}</span>`,
    catchers(one),
    trendChart(one.name, history),
  ]);
  const columns = [
    { title: 'defect' },
    { title: 'found', narrow: true },
    { title: 'first violation', narrow: true },
    { title: 'caught by' },
    { title: 'trend', narrow: true },
  ];
  const note =
    'Found: at least one invariant was violated. The line is Wilson’s 95 % interval of the probability, from never at the ' +
    'left to always at the right. First violation: median, least and most, in seconds since the load began, of the ' +
    'invariants that the defect’s file names. The number beside an invariant: the runs that violated it, if not all.';
  return section('defects', 'Defects', table('Defects', columns, rows, { prose: true }), note);
}

function foundCell(one: DefectFigures): Html {
  const level = one.runs === 0 ? 'unknown' : levelOf(one);
  return html`<span class="badge ${level}">${foundText(one)}</span> <span class="soft nowrap">${intervalOf(
    one.interval,
  )}</span><br>${intervalBar(one)}`;
}

function catchers(one: DefectFigures): Content {
  if (one.runs > 0 && one.caught_by.length === 0) return html`<span class="soft">nothing</span>`;
  return catchersOf(one).map(({ name, share, named }, index) => {
    const aside = named ? null : html` <span class="soft">(not named)</span>`;
    return html`${index > 0 ? html`<br>` : null}${cut(name, 80)} <span class="soft">${share}</span>${aside}`;
  });
}

/** Rows are defects and columns invariants, because there are more of the former, and their heads can be turned. */
function matrix({ defects: all }: Calibration): Html | null {
  if (all.length === 0) return null;
  const { invariants, rows } = matrixOf(all);
  const shown = rows.map(({ defect, cells }) => [
    cut(defect.name, 80),
    ...cells.map(({ runs, named }) => {
      if (named) return html`<span class="badge ${runs > 0 ? 'pass' : 'unknown'}">${count(runs)}</span>`;
      return runs > 0 ? html`<span class="badge">${count(runs)}</span>` : null;
    }),
  ]);
  const columns = [{ title: 'defect' }, ...invariants.map((title) => ({ title: cut(title, 80), numeric: true }))];
  const note =
    'The number of runs of a defect that violated each invariant. Coloured: the defect’s file names the invariant; ' +
    'amber: it names it, and these runs did not break it. Grey: a consequence that the file does not name.';
  return section(
    'matrix',
    'Who catches what',
    html`<div class="matrix">${table('Matrix', columns, shown)}</div>`,
    note,
  );
}

function clean({ clean: quiet, remedies }: Calibration): Html {
  const rows = quiet.by_load.map(({ scenario, schedulers, runs, false_alarms }) => [
    cut(scenario, 80),
    count(schedulers),
    count(runs),
    alarms(false_alarms),
  ]);
  const cures = remedies.map(({ name, summary, runs, false_alarms }) => [
    html`<strong>${cut(name, 80)}</strong><small>${cut(summary, 300)}</small>`,
    count(runs),
    alarms(false_alarms),
  ]);
  const raised = Object.entries(quiet.raised_by).map(([name, runs]) => `${name} (${runs})`);
  const bound = quiet.interval === null ? '' : ` 95 %: ${intervalOf(quiet.interval)} of clean runs.`;
  const note = `${cleanText(quiet.runs, quiet.false_alarms)}.${bound}`;
  return section(
    'clean',
    'Clean builds',
    [
      raised.length > 0 ? html`<p>Raised by ${raised.join(', ')}.</p>` : null,
      rows.length > 0
        ? table(
            'Clean builds',
            [
              { title: 'scenario' },
              { title: 'schedulers', numeric: true },
              { title: 'runs', numeric: true },
              { title: 'false alarms', numeric: true },
            ],
            rows,
          )
        : null,
      cures.length > 0
        ? [
            html`<h3 class="after">As good as clean</h3>`,
            table(
              'As good as clean',
              [{ title: 'switch' }, { title: 'runs', numeric: true }, { title: 'false alarms', numeric: true }],
              cures,
            ),
          ]
        : null,
    ],
    `${note[0]?.toUpperCase()}${note.slice(1)}`,
  );
}

function alarms(amount: number): Html {
  return html`<span class="badge ${amount > 0 ? 'fail' : 'pass'}">${count(amount)}</span>`;
}

function toExplain({ runs }: Calibration): Html | null {
  const rows = explainable(runs).map((run) => {
    const broken = Object.entries(run.violations).map(([name, violations]) => `${name} × ${violations}`);
    const why = [
      ...broken,
      ...run.doubts.map((name) => `${name} does not hold`),
      ...(run.failure ? [run.failure] : []),
    ];
    return [
      html`<span class="badge ${run.result === 'failed to run' ? 'unknown' : 'fail'}">${run.result}</span>`,
      html`<strong>${cut(run.build, 120)}</strong><small>${cut(run.scenario, 80)}, ${run.schedulers} schedulers, seed ${
        run.seed
      }, verdict ${run.verdict ?? 'none'}</small>`,
      cut(why.join(', '), 400),
      html`<code>${cut(run.folder ?? 'not kept', 200)}</code>`,
    ];
  });
  if (rows.length === 0) return null;
  const columns = [
    { title: 'result', narrow: true },
    { title: 'run' },
    { title: 'what was seen' },
    { title: 'folder' },
  ];
  return section('explain', 'Runs to look at', table('Runs to look at', columns, rows, { prose: true }));
}

/** The kept files have the rest. */
const MOST_RESULTS = 30;

function results(history: readonly Calibration[]): Html | null {
  const rows = [...history]
    .reverse()
    .slice(0, MOST_RESULTS)
    .map((one) => {
      const measured = one.defects.filter(({ runs }) => runs > 0);
      const found = measured.filter((defect) => defect.found > 0).length;
      return [
        html`<span class="nowrap">${one.started_at.slice(0, 16).replace('T', ' ')}</span>${
          one.complete ? null : html`<small>interrupted</small>`
        }`,
        one.commit === null ? '–' : cut(one.commit, 40),
        `${count(one.settings.runs)} × ${seconds(one.settings.duration_s)}`,
        `${count(found)} of ${count(measured.length)}`,
        count(one.clean.runs),
        alarms(one.clean.false_alarms),
      ];
    });
  const columns = ['when (UTC)', 'commit', 'runs', 'defects found', 'clean runs', 'false alarms'].map(
    (title, index) => ({
      title,
      numeric: index > 1,
    }),
  );
  return section('trend', 'Results kept', table('Results kept', columns, rows));
}

function repeat({ settings }: Calibration): Html {
  const { defects: chosen, runs, duration_s, jobs, seed } = settings;
  const words = ['windtunnel calibrate'];
  if (chosen !== null) words.push(`--defects ${chosen.join(',')}`);
  words.push(`--runs ${runs} --duration ${duration_s}s --jobs ${jobs} --seed ${seed}`);
  if (settings.faults) words.push(`--faults ${settings.faults}`);
  return section('repeat', 'Repeat it', command(words.join(' ')));
}
