import { expect, test } from 'vitest';

import { emptyJudgement, HOSTILE, hostileJudgement, judgement } from '../harness/testing/fixture.ts';
import { openMetrics, reportOpenMetrics } from './openmetrics.ts';

const RUN = 'build="airflow@3.2.1",scenario="seeds",seed="42"';

test('a run’s numbers are told with which run it was, and the document ends as OpenMetrics asks', () => {
  const text = reportOpenMetrics(judgement());
  const lines = text.split('\n');
  expect(lines).toContain(`windtunnel_verdict{${RUN},windtunnel_verdict="fail"} 1`);
  expect(lines).toContain(`windtunnel_verdict{${RUN},windtunnel_verdict="pass"} 0`);
  expect(lines).toContain(`windtunnel_violations_total{${RUN},promise="rtif-last-writer-wins"} 81`);
  expect(lines).toContain(`windtunnel_http_409_total{${RUN}} 90`);
  expect(lines).toContain('# UNIT windtunnel_request_duration_seconds seconds');
  expect(lines).toContain(`windtunnel_request_duration_seconds{${RUN},kind="heartbeat",quantile="0.95"} 0.412`);
  expect(lines).toContain(`windtunnel_request_duration_seconds_count{${RUN},kind="heartbeat"} 8021`);
  expect(lines).toContain(`windtunnel_fault_windows_total{${RUN},fault="kill"} 1`);
  expect(text.endsWith('\n# EOF\n')).toBe(true);
});

test('what was not measured is not told as nothing', () => {
  const text = reportOpenMetrics(emptyJudgement());
  expect(text).not.toMatch(/NaN|null|undefined/);
  expect(text).not.toContain('windtunnel_harness_cpu_ratio');
  expect(text).not.toContain('windtunnel_violations');
  expect(text).toContain('windtunnel_verdict="unknown"} 1');
});

test('a name of the run can end neither its label nor its line', () => {
  const lines = reportOpenMetrics(hostileJudgement()).trimEnd().split('\n');
  expect(lines.every((line) => /^(# (TYPE|UNIT|HELP|EOF)|windtunnel_\w+\{)/.test(line))).toBe(true);
  const label = `{build="${'(?:[^"\\\\]|\\\\.)*'}",`;
  expect(lines.filter((line) => line.startsWith('windtunnel_')).every((line) => new RegExp(label).test(line))).toBe(
    true,
  );
  expect(HOSTILE).toContain('"');
  expect(openMetrics([{ name: 'a', type: 'info', help: 'h', samples: [{ labels: { b: '\\"' }, value: 1 }] }])).toBe(
    '# TYPE a info\n# HELP a h\na_info{b="\\\\\\""} 1\n# EOF\n',
  );
});

test('two classes of answers that differ only in what is not told are one sample', () => {
  const text = reportOpenMetrics(
    judgement({ classes: judgement().classes.flatMap((one) => [one, { ...one, reason: 'another', count: 1 }]) }),
  );
  expect(text.match(/windtunnel_refusals_total\{[^}]*kind="rtif"[^}]*\} (\d+)/)?.[1]).toBe('82');
});
