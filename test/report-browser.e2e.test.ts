import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

import type { AxeResults } from 'axe-core';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { comparePair } from '../harness/compare/compare.ts';
import { emptyJudgement, hostileJudgement, hugeJudgement, judgement, manifest } from '../harness/testing/fixture.ts';
import { literalNights } from '../harness/testing/nights.ts';
import { buildTrend } from '../harness/trend/trend.ts';
import { trendHtml } from '../reports/html/trend.ts';
import { writeComparison, writeReports } from '../reports/write.ts';
import { missing } from './missing.ts';

/** The reports in a real browser: what no reading of the markup shows. */

const ARGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

const executablePath = findChromium();
if (!executablePath) {
  missing('Chromium', 'none in CHROMIUM_PATH, and no chromium or google-chrome on the PATH: apt install chromium');
}

function findChromium(): string | undefined {
  const given = process.env.CHROMIUM_PATH;
  if (given) return existsSync(given) ? given : undefined;
  for (const name of ['chromium', 'chromium-browser', 'google-chrome']) {
    try {
      return execFileSync('/bin/sh', ['-c', `command -v ${name}`], { encoding: 'utf8' }).trim();
    } catch {
      // Not this one; the next name may be there.
    }
  }
  return undefined;
}

/** A report opened in one width and colour scheme, and what the browser complained about. */
interface Opened {
  readonly page: Page;
  readonly complaints: string[];
  readonly requests: string[];
}

describe.skipIf(!executablePath)('the reports in a browser', () => {
  let browser: Browser;
  let folder: string;
  let axe: string;

  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'windtunnel-browser-'));
    const runs = { normal: judgement(), hostile: hostileJudgement(), huge: hugeJudgement(), empty: emptyJudgement() };
    for (const [name, one] of Object.entries(runs)) await writeReports(path.join(folder, name), one, manifest());
    const at = (name: string) => path.join(folder, name);
    const sides = [
      { ...runs.normal, run: at('normal') },
      { ...runs.hostile, run: at('hostile'), scenario: 'seeds' },
    ] as const;
    await writeComparison(at('compare'), comparePair([sides[0]], [sides[1]]));
    const regressed = literalNights(28, (night) =>
      night < 14 ? {} : { airflow: '3.3.2', p95_ms: 60, occurrences: 3 + (night % 3) },
    );
    const trend = buildTrend(regressed, ['nights/2026-11-29 has no verdict.']);
    await writeFile(at('trend.html'), trendHtml(trend));
    axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
    browser = await chromium.launch({ executablePath: executablePath ?? '', args: ARGS });
  });

  afterAll(async () => {
    await browser?.close();
    await rm(folder, { recursive: true, force: true });
  });

  async function open(file: string, width: number, colorScheme: 'light' | 'dark'): Promise<Opened> {
    const page = await browser.newPage({ viewport: { width, height: 900 }, colorScheme });
    const [complaints, requests]: [string[], string[]] = [[], []];
    page.on('console', (message) => complaints.push(message.text()));
    page.on('pageerror', (error) => complaints.push(error.message));
    page.on('dialog', (dialog) => {
      complaints.push(`dialog: ${dialog.message()}`);
      void dialog.dismiss();
    });
    page.on('request', (request) => requests.push(request.url()));
    const url = pathToFileURL(path.join(folder, file)).href;
    await page.goto(url);
    return { page, complaints, requests: requests.filter((one) => one !== url && one !== 'data:,') };
  }

  const files = [
    'normal/report.html',
    'hostile/report.html',
    'huge/report.html',
    'empty/report.html',
    'compare/compare.html',
    'trend.html',
  ];
  const looks = [400, 1600].flatMap((width) => (['light', 'dark'] as const).map((scheme) => ({ width, scheme })));
  const views = files.flatMap((file) => looks.map((look) => ({ file, ...look })));

  test.each(views)('$file at $width px, $scheme: quiet, alone, in its width, the verdict in sight', async (view) => {
    const { page, complaints, requests } = await open(view.file, view.width, view.scheme);
    try {
      const seen = await page.evaluate<{ overflow: number; bottom: number; verdict: string; images: number }>(`(() => {
        const badge = document.querySelector('h1 .badge');
        return {
          overflow: document.documentElement.scrollWidth - innerWidth,
          bottom: badge.getBoundingClientRect().bottom,
          verdict: badge.textContent.trim(),
          images: document.querySelectorAll('img, iframe, object, script:not([type]):not(:last-child)').length,
        };
      })()`);
      expect(seen.verdict).toMatch(/fail|unknown|pass|better|worse|no difference seen|cannot say|as expected|changed/);
      expect(seen.bottom).toBeLessThan(900);
      expect(seen.overflow).toBeLessThanOrEqual(0);
      expect(seen.images).toBe(0);
      expect({ complaints, requests }).toEqual({ complaints: [], requests: [] });
    } finally {
      await page.close();
    }
  });

  test.each(views.filter(({ file }) => !/huge|empty/.test(file)))(
    '$file at $width px, $scheme: no serious barrier for anyone who reads it otherwise',
    async ({ file, width, scheme }) => {
      const { page } = await open(file, width, scheme);
      try {
        await page.evaluate(axe);
        const { violations } = await page.evaluate<AxeResults>('axe.run()');
        const serious = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical');
        expect(serious.map(({ id, nodes }) => `${id}: ${nodes[0]?.html}`)).toEqual([]);
      } finally {
        await page.close();
      }
    },
  );

  test.each(looks)('at $width px, $scheme: every chart has marks, and says in words what it shows', async (look) => {
    const { page } = await open('normal/report.html', look.width, look.scheme);
    try {
      const charts = await page.evaluate<{ title: string; colours: number; said: string; rows: number }[]>(`
        [...document.querySelectorAll('figure.chart')].map((figure) => {
          const canvas = figure.querySelector('canvas');
          const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
          const strong = new Set();
          for (let i = 0; i < data.length; i += 4) if (data[i + 3] > 200) strong.add(data.slice(i, i + 3).join());
          return {
            title: figure.querySelector('b').textContent,
            colours: strong.size,
            said: figure.querySelector('[role=img]').getAttribute('aria-label'),
            rows: figure.querySelectorAll('tbody tr').length,
          };
        })`);
      expect(charts.map(({ title }) => title)).toEqual([
        'Requests per second',
        'Latency',
        '409 responses',
        'Deadlocks',
        'Load',
        'CPU',
        'Memory',
        'Database sessions',
        'Harness',
      ]);
      for (const { title, colours, said, rows } of charts) {
        // The words of the axes are of one colour; the grid and the lines have others.
        expect(colours, title).toBeGreaterThan(2);
        expect(said, title).toMatch(/: (mostly|\d|none)/);
        expect(rows, title).toBeGreaterThan(5);
      }
    } finally {
      await page.close();
    }
  });

  test('all charts show the moment that is pointed at in one, by mouse or keyboard', async () => {
    const { page, complaints } = await open('normal/report.html', 1600, 'light');
    const values = () =>
      page.evaluate<string[]>(`[...document.querySelectorAll('figure.chart')].slice(0, 2).map((figure) =>
        figure.querySelector('.at').textContent + ' ' + figure.querySelector('.said').textContent)`);
    try {
      const whole = await values();
      const plot = page.locator('.plot').first();
      await plot.hover({ position: { x: 400, y: 60 } });
      const [requests, latency] = await values();
      expect(requests).toMatch(/^\d+\.5 s \d+$/);
      expect(latency).toMatch(/^\d+\.5 s \d+ ms$/);
      expect(requests?.split(' s ')[0]).toBe(latency?.split(' s ')[0]);
      await page.mouse.move(0, 0);
      expect(await values()).toEqual(whole);
      await plot.focus();
      await page.keyboard.press('Home');
      await page.keyboard.press('ArrowRight');
      expect((await values())[1]).toMatch(/^22\.5 s /);
      expect(await page.textContent('#chart-said')).toMatch(
        /^22\.5 s: ok \d+, refused \(4xx\) 3, 5xx or no response 0$/,
      );
      await page.keyboard.press('Escape');
      expect(await values()).toEqual(whole);
      expect(complaints).toEqual([]);
    } finally {
      await page.close();
    }
  });

  test('printed from a dark screen it is dark on white, and the charts are as wide as the paper', async () => {
    const { page } = await open('normal/report.html', 1600, 'dark');
    try {
      await page.emulateMedia({ media: 'print' });
      const printed = await page.evaluate<{ paper: string; ink: string; widths: number[] }>(`(async () => {
        dispatchEvent(new Event('beforeprint'));
        await new Promise((resolve) => requestAnimationFrame(resolve));
        const { backgroundColor, color } = getComputedStyle(document.body);
        const widths = [...document.querySelectorAll('.plot canvas')].map((canvas) => canvas.clientWidth);
        return { paper: backgroundColor, ink: color, widths };
      })()`);
      expect(printed).toMatchObject({ paper: 'rgb(255, 255, 255)', ink: 'rgb(29, 33, 38)' });
      expect(new Set(printed.widths)).toEqual(new Set([680]));
      await page.emulateMedia({ media: 'screen' });
      await page.evaluate("dispatchEvent(new Event('afterprint'))");
      await expect.poll(() => page.evaluate("document.querySelector('.plot canvas').clientWidth")).toBeGreaterThan(900);
    } finally {
      await page.close();
    }
  });

  test('every table that can scroll is reached by the keyboard', async () => {
    const { page } = await open('normal/report.html', 400, 'light');
    try {
      const labels: string[] = [];
      for (let i = 0; i < 70; i++) {
        await page.keyboard.press('Tab');
        labels.push(await page.evaluate<string>('document.activeElement.getAttribute("aria-label") ?? ""'));
      }
      expect(labels).toEqual(expect.arrayContaining(['Invariants', 'Refusals', 'Latency', 'Assumptions']));
    } finally {
      await page.close();
    }
  });

  test('the comparison leads to the runs’ own reports', async () => {
    const { page } = await open('compare/compare.html', 1600, 'light');
    try {
      await page.click('text=A airflow@3.2.1, seed 42');
      await page.waitForURL(/normal\/report\.html$/);
      expect(await page.title()).toBe('fail: airflow@3.2.1 · seeds');
    } finally {
      await page.close();
    }
  });
});
