import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { describe, expect, test } from 'vitest';

import {
  emptyJudgement,
  HOSTILE,
  hostileJudgement,
  hugeJudgement,
  invariant,
  judgement,
  manifest,
  violation,
} from '../harness/testing/fixture.ts';
import { deadlock } from '../harness/testing/fixture-evidence.ts';
import { deadlockFinding } from '../harness/testing/fixture-finding.ts';
import { overTime } from '../harness/testing/fixture-over-time.ts';
import { shellWord } from './commands.ts';
import { reportHtml } from './html/report.ts';
import { reportJunit } from './junit.ts';
import { plain } from './markdown/document.ts';
import { reportMarkdown } from './markdown/report.ts';
import { verdictText } from './terminal/report.ts';
import { seconds, shorten, visible } from './words.ts';
import { writeReports } from './write.ts';

/** The page without uPlot, which has words of HTML in its code. */
const withoutCode = (page: string) => page.replace(/<script>[\s\S]*?<\/script>/, '');

const hostileManifest = manifest({ repeat: HOSTILE, build: HOSTILE, identity: { [HOSTILE]: HOSTILE } });

describe('report.html', () => {
  test('puts the verdict and why above everything else', () => {
    const page = reportHtml(judgement(), manifest());
    const why = page.indexOf('airflow@3.2.1 violated 4 of 8 exercised invariants: rtif-last-writer-wins (81)');
    expect(why).toBeGreaterThan(0);
    expect(why).toBeLessThan(page.indexOf('<main>'));
    expect(page).toContain('<title>fail: airflow@3.2.1 · seeds</title>');
  });

  test('has the findings before the invariants: timeline, affected tasks, faults, next commands', () => {
    const page = reportHtml(judgement(), manifest());
    const [findings, invariants] = ['id="findings"', 'id="invariants"'].map((id) => page.indexOf(id));
    expect(findings).toBeGreaterThan(0);
    expect(findings).toBeLessThan(invariants ?? 0);
    expect(page).toContain('A branch’s skip overwrote tasks that a worker was running');
    expect(page).toContain('known race #63266 · 4 times, 10 violations, from 31.0 s to 58.1 s');
    expect(page).toContain('trigger rule one_success: 27 of 27 affected, 3 of 410 others (p &lt; 0.0001)');
    expect(page).toContain('kill of scheduler-1 (SIGKILL), from 30.0 s never healed: 1 occurrence');
    expect(page).toContain('windtunnel explain runs/2026-11-21T10-00-00-airflow-3.2.1 F1');
  });

  test('says in every format for people that the violations could not be grouped', () => {
    const one = judgement({ findings: [], findings_left_out: 'They could not.' });
    for (const text of [
      reportHtml(one, manifest()),
      reportMarkdown(one, manifest()),
      verdictText(one, { color: false }),
    ])
      expect(text).toContain('They could not.');
  });

  test('draws a story with a lane for each actor, a bar while a request is under way and a line to its commit', () => {
    const page = reportHtml(judgement(), manifest());
    const rows = [...page.matchAll(/<li class="([^"]*)">\n<time>([^<]*)<\/time>(.*)/g)].map(
      ([, classes, at, cells]) => ({
        classes: classes?.trim(),
        at,
        busy: cells?.match(/lane busy/g)?.length ?? 0,
        linked: cells?.match(/<u /g)?.length ?? 0,
      }),
    );
    expect(rows).toEqual([
      { classes: 's-queued', at: '−7.0 s', busy: 0, linked: 0 },
      { classes: 'proves s-queued', at: '−40 ms', busy: 1, linked: 0 },
      { classes: 'violation proves s-skipped', at: '0', busy: 1, linked: 4 },
      { classes: 's-skipped', at: '+12 ms', busy: 1, linked: 0 },
      { classes: 'proves s-skipped', at: '+800 ms', busy: 0, linked: 0 },
      { classes: 's-skipped', at: '+900 ms', busy: 0, linked: 0 },
    ]);
  });

  test('shows a deadlock of one kind once, with both statements and both processes', () => {
    const page = reportHtml(judgement(), manifest());
    expect(page).toContain(
      '8 × api-execution carries out an end report (state PATCH) × scheduler gives unfinished tasks the new DAG ' +
        'version',
    );
    for (const side of ['wt-api-execution-1', 'wt-scheduler-1', 'FOR UPDATE', 'dag_version_id=&#39;019a-77&#39;']) {
      expect(page).toContain(side);
    }
    expect(page.match(/FOR UPDATE/g)).toHaveLength(1);
    const graph = /<div class="cycle pair"[\s\S]*?SQL statements/.exec(page)?.[0] ?? '';
    expect(graph).toContain('waits for</span> dag_run wt_storm/run-3<');
  });

  test('a finding of a deadlock has the steps, with the SQL folded, and the section of deadlocks refers to it', () => {
    const one = deadlockFinding();
    const page = reportHtml(judgement({ findings: [one], deadlocks: [deadlock(9_100)] }), manifest());
    const card = /<details class="finding cause" id="F1"[\s\S]*?<h4>Violated/.exec(page)?.[0] ?? '';
    expect(card).not.toContain(one.worst.sentence);
    expect(card.indexOf('carries out an end report')).toBeLessThan(card.indexOf('<summary>SQL statements'));
    expect(card.indexOf('<summary>SQL statements')).toBeLessThan(card.indexOf('FOR UPDATE'));
    expect(page.match(/FOR UPDATE/g)).toHaveLength(1);
    expect(page).toContain('<a href="#F1">finding F1</a>');
    const text = reportMarkdown(judgement({ findings: [one], deadlocks: [deadlock(9_100)] }), manifest());
    expect(text).toMatch(/At 9\.1 s:\n\n\* wt-api-execution-1/);
  });

  test('lets no text from a run become markup', () => {
    const page = reportHtml(hostileJudgement(), hostileManifest);
    expect(page).toContain('&lt;img src=x onerror=alert(1)&gt;');
    expect(withoutCode(page)).not.toContain('<img');
    expect([...page.matchAll(/<script[^>]*>/g)].map(([tag]) => tag)).toEqual([
      '<script type="application/json" id="chart-data">',
      '<script>',
    ]);
    for (const unseen of ['\u001b', '\u0000', '\u202e']) expect(page).not.toContain(unseen);
  });

  test('fetches nothing, and runs nothing but the script that its policy names by hash', () => {
    const page = reportHtml(judgement(), manifest());
    expect(withoutCode(page)).not.toMatch(/https?:|@import|url\(/);
    const [, code = ''] = /<script>([\s\S]*?)<\/script>/.exec(page) ?? [];
    const hash = createHash('sha256').update(code).digest('base64');
    expect(code, 'uPlot is not installed: run npm ci').toContain('uPlot');
    expect(page).toContain(
      `default-src &#39;none&#39;; style-src &#39;unsafe-inline&#39;; img-src data:; script-src &#39;sha256-${hash}&#39;`,
    );
  });

  test('gives the charts data in which no text can end its element, and each chart its words and a table', () => {
    const name = '</script><script>alert(3)</script>';
    const series = [{ metric: 'cpu_cores' as const, of: name, values: [0.1, 0.4, null] }];
    const page = reportHtml(judgement({ over_time: overTime({ steps: 3, series }) }), manifest());
    const [, json = ''] = /<script type="application\/json" id="chart-data">([^<]*)<\/script>/.exec(page) ?? [];
    expect(JSON.parse(json)).toMatchObject({
      charts: [{ unit: 'cores', lines: [{ name, values: [0.1, 0.4, null] }] }],
    });
    expect(page).toContain('aria-label="CPU, by process. &lt;/script&gt;');
    expect(page).toContain(': mostly 0.4 cores, at most 0.4 cores at 22 s"');
    expect(page).toContain('aria-label="CPU as a table"');
  });

  test('says what each fault did to the load, twice as bad in bold, and past two dozen by kind', () => {
    const page = reportHtml(judgement(), manifest());
    expect(page).toContain('<strong>kill</strong> scheduler-1');
    expect(page).toContain('180 → <b>62</b> → 190');
    expect(page).toContain('410 → <b>5,210</b> → 410');
    expect(page).toContain('<td role="cell" class="number">2 s</td>');
    expect(page).toContain('never closed');
    const huge = reportHtml(hugeJudgement(), manifest());
    expect(huge).toContain('500 times; medians');
    expect(huge).toContain('500 of 500, in 2 s at most');
  });

  test('says how to repeat the run, how to ask it, and what the harness took', () => {
    const page = reportHtml(judgement(), manifest());
    expect(page).toContain('windtunnel run seeds --build airflow@3.2.1 --seed 42');
    expect(page).toContain('&quot;select kind, status, reason, found_state, count(*)');
    expect(page).toContain('The harness used 7 % of the machine’s 2 CPUs');
    for (const fact of ['longest garbage collection', '2 % of the time', '118 ms']) expect(page).toContain(fact);
  });

  test('stays a page when there is nothing to report, and when there is far too much', () => {
    const empty = reportHtml(emptyJudgement(), manifest());
    expect(empty).toContain('Inconclusive for airflow@3.2.1');
    expect(withoutCode(empty)).not.toMatch(/NaN|Infinity|undefined/);
    const huge = reportHtml(hugeJudgement(), manifest());
    expect(huge.length).toBeLessThan(1_200_000);
    expect(huge).toContain('… and 38 more kinds of deadlock.');
    expect(withoutCode(huge)).not.toMatch(/NaN|Infinity|undefined/);
  });
});

describe('report.md', () => {
  test('escapes what Markdown, its tables and its HTML would obey', () => {
    const text = reportMarkdown(hostileJudgement(), hostileManifest);
    const prose = text.replace(/^(`{3,}).*\n[\s\S]*?\n\1$/gm, '');
    expect(prose).not.toMatch(/<(?!!-- -->|\/?(details|summary)>)/);
    expect(prose.match(/<details>/g)?.length).toBe(prose.match(/<\/details>/g)?.length);
    expect(prose).not.toMatch(/(?<!\\)[`[\]]/);
    expect(plain('a|b *c* @someone')).toBe('a\\|b \\*c\\* @<!-- -->someone');
    expect(plain('airflow@3.2.1')).toBe('airflow@3.2.1');
  });

  test('keeps a fence closed whatever a statement holds', () => {
    const text = reportMarkdown(judgement({ run: 'a```b' }), manifest({ repeat: "windtunnel run 'x ```` y'" }));
    expect(text).toContain("`````\nwindtunnel run 'x ```` y'\n`````");
  });

  test('keeps what broke open, folds the rest, and stays short enough for a comment on a pull request', () => {
    const text = reportMarkdown(judgement(), manifest());
    const open = text.replace(/<details>[\s\S]*?<\/details>/g, '');
    expect(open).toContain('violated 4 of 8 exercised invariants');
    expect(open).toContain('### F1: A branch’s skip');
    expect(open).toContain('| ✗ | **no-deadlocks**');
    expect(open).not.toContain('| ✓ |');
    for (const folded of ['invariants satisfied', 'Conditions'])
      expect(text).toMatch(new RegExp(`<summary>.*${folded}`));
    const huge = reportMarkdown(hugeJudgement(), manifest());
    expect(huge.length).toBeLessThan(65_536);
    expect(huge).toContain('… and 42 more findings');
  });

  test('gives every table row as many cells as its head', () => {
    for (const one of [judgement(), hostileJudgement(), hugeJudgement()]) {
      const tables = reportMarkdown(one, manifest()).match(/(^\|.*\n?)+/gm) ?? [];
      expect(tables.length).toBeGreaterThan(2);
      for (const block of tables) {
        const cells = block
          .trimEnd()
          .split('\n')
          .map((row) => row.split(/(?<!\\)\|/).length);
        expect(new Set(cells).size).toBe(1);
      }
    }
  });
});

describe('junit.xml', () => {
  test('has a failure for a violation, an error for an invariant not exercised enough, and skips the rest', () => {
    const xml = reportJunit(
      judgement({
        invariants: [
          invariant('broken', 'fail'),
          invariant('untested', 'unknown'),
          invariant('aside', 'unknown', { aimed: false }),
          invariant('kept', 'pass'),
        ],
        assumptions: [{ name: 'kept-up', claim: 'c', verdict: 'fail', sentence: 'It lagged.' }],
        thresholds: [],
      }),
    );
    expect(xml).toContain('tests="5" failures="1" errors="2" skipped="1" time="60.000"');
    expect(xml).toMatch(
      /name="broken">\n {6}<failure message="8 violations" type="failure">[^<]*first at 12\.3 s: wt_fan/,
    );
    // A cause is named by each test case that it makes fail.
    const named = reportJunit(judgement({ invariants: [invariant('running-is-not-overwritten', 'fail')] }));
    expect(named).toMatch(
      /skip overwrote tasks[^<]*, 4 times, 10 violations, from [^<]*: windtunnel explain runs\S+ F1\n/,
    );
    expect(xml).toMatch(
      /name="untested">\n {6}<error message="not exercised enough: 3 of the required 20 skips at running tasks"/,
    );
    expect(xml).toMatch(/name="aside">\n {6}<skipped /);
    expect(xml).toContain('name="kept"/>');
    expect(xml).toMatch(/name="kept-up">\n {6}<error message="It lagged\."/);
  });

  test('holds no character that XML forbids and no markup of the run', () => {
    const xml = reportJunit(hostileJudgement());
    expect(xml).not.toMatch(/<(img|script)/);
    expect(xml).not.toContain(']]>');
    expect([...xml].filter((character) => character < ' ' && character !== '\n')).toEqual([]);
    const tags = [...xml.matchAll(/<(\/?)(\w+)[^>]*?(\/?)>/g)].filter(([tag]) => !tag.endsWith('/>'));
    const depth = tags.reduce((sum, [, close]) => sum + (close === '/' ? -1 : 1), 0);
    expect(depth).toBe(0);
  });
});

describe('writeReports', () => {
  test('leaves the four documents and nothing else, and verdict.json is the judgement', async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'windtunnel-reports-'));
    try {
      const one = hostileJudgement();
      await Promise.all([writeReports(folder, one, manifest()), writeReports(folder, one, manifest())]);
      expect((await readdir(folder)).sort()).toEqual(['junit.xml', 'report.html', 'report.md', 'verdict.json']);
      expect(JSON.parse(await readFile(path.join(folder, 'verdict.json'), 'utf8'))).toEqual(one);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

describe('words', () => {
  test('make what cannot be seen visible, and leave other alphabets alone', () => {
    expect(visible('a\u202eb\u0007c\nd\ud800')).toBe('a\\u{202e}b\\u{7}c d\\u{d800}');
    expect(visible('задача_任務_ünïcode')).toBe('задача_任務_ünïcode');
  });

  test('cut to columns of a terminal, not to code units', () => {
    expect(shorten('任務任務任務', 7)).toBe('任務任…');
    expect(shorten('plain', 5)).toBe('plain');
    expect(shorten('x'.repeat(1e6), 10)).toBe('xxxxxxxxx…');
  });

  test('say durations as people do', () => {
    expect([0.42, 9.96, 60, 480, 28_800, 29_100].map(seconds)).toEqual([
      '0.4 s',
      '10 s',
      '60 s',
      '8 min',
      '8 h',
      '8 h 5 min',
    ]);
  });

  test('quote a path for the shell only where it must be', () => {
    expect(shellWord('runs/a-1')).toBe('runs/a-1');
    expect(shellWord("my runs/it's")).toBe("'my runs/it'\\''s'");
  });

  test('prove with the first numbers and say how many more there are', () => {
    const first = violation({ operations: Array.from({ length: 5000 }, (_, i) => i) });
    const xml = reportJunit(judgement({ invariants: [invariant('p', 'fail', { first })] }));
    expect(xml).toContain('operations 0, 1, 2, 3, 4, 5, 6, 7 and 4,992 more');
  });
});
