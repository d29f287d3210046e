import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { expect, test } from 'vitest';

import { portsInUse } from '../system/ports.ts';
import { SelfProbe } from './self-probe.ts';

test('a standstill, the collector and a recorder that falls behind are each seen once', async () => {
  let behindMs = 0;
  const probe = new SelfProbe(() => behindMs);
  probe.start();
  try {
    await sleep(50); // The monitor has to have ticked before there is a gap between two ticks.
    probe.read();
    behindMs = 700;
    await sleep(250);
    behindMs = 0;
    makeGarbage();
    standStill(200);
    await sleep(50);
    const reading = probe.read();
    expect(reading.loop_delay_ms).toBeGreaterThan(150);
    expect(reading.gc_ms).toBeGreaterThan(0);
    expect(reading.gc_pause_ms).toBeLessThanOrEqual(reading.gc_ms ?? 0);
    expect(reading.recorder_behind_ms).toBe(700);
    if (process.platform === 'linux') expect(reading.cpu_wait_ms).toBeGreaterThanOrEqual(0);
    await sleep(20);
    expect(probe.read()).toMatchObject({ gc_ms: 0, gc_pause_ms: 0, recorder_behind_ms: 0 });
  } finally {
    probe.close();
  }
});

test('a standstill that begins when it has just been read is seen, and then no more', async () => {
  const probe = new SelfProbe(() => 0);
  probe.start();
  try {
    await sleep(50);
    probe.read();
    standStill(600);
    await sleep(20);
    expect(probe.read().loop_delay_ms).toBeGreaterThan(450);
    probe.read();
    expect(probe.read().loop_delay_ms).toBeLessThan(450);
  } finally {
    probe.close();
  }
});

test('taken ports are counted one by one only when they may be many', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'wt-test-'));
  try {
    mkdirSync(path.join(folder, 'net'));
    mkdirSync(path.join(folder, 'sys/net/ipv4'), { recursive: true });
    const file = (name: string, text: string) => writeFileSync(path.join(folder, name), text);
    file('sys/net/ipv4/ip_local_port_range', '40000\t40009\n');
    file('net/sockstat', 'sockets: used 9\nTCP: inuse 3 orphan 0 tw 1 alloc 9 mem 1\nUDP: inuse 7 mem 0\n');
    file('net/sockstat6', 'TCP6: inuse 1\nUDP6: inuse 2\n');
    expect(portsInUse(folder)).toEqual({ inUse: 5, all: 10 });

    file('net/sockstat', 'TCP: inuse 6 orphan 0 tw 2 alloc 9 mem 1\n');
    // 40000 and 40001, the first of them twice; 8080 is no ephemeral port.
    file('net/tcp', tableOf(['9C40', '9C40', '9C41', '1F90']));
    rmSync(path.join(folder, 'net/sockstat6'));
    expect(portsInUse(folder)).toEqual({ inUse: 2, all: 10 });

    rmSync(path.join(folder, 'net/sockstat'));
    expect(portsInUse(folder)).toBeUndefined();
  } finally {
    rmSync(folder, { recursive: true });
  }
});

function tableOf(ports: readonly string[]): string {
  const rows = ports.map(
    (port, index) => `${String(index).padStart(4)}: 0100007F:${port} 0100007F:1F90 01 00000000:0 \n`,
  );
  return `  sl  local_address rem_address   st tx_queue\n${rows.join('')}`;
}

function standStill(ms: number): void {
  for (const until = performance.now() + ms; performance.now() < until; );
}

function makeGarbage(): void {
  let last: object = {};
  for (let i = 0; i < 2_000_000; i++) last = { i, before: i % 1_000 === 0 ? {} : last };
  expect(last).toBeDefined();
}
