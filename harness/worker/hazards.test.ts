import { setTimeout as sleep } from 'node:timers/promises';

import { expect, test } from 'vitest';
import type { FleetHazard } from '../model/misbehaviour.ts';
import { Rng } from '../model/rng.ts';
import { oneLife } from '../testing/one-life.ts';
import { type ReceivedRequest, recordingServer } from '../testing/recording-server.ts';
import { CancelSource } from './cancel.ts';
import { Hazards, type LifeHazards, type ThunderingHerd } from './hazards.ts';

interface Played {
  readonly end: string;
  readonly operations: readonly Record<string, unknown>[];
  readonly received: readonly ReceivedRequest[];
  readonly effect: string;
}

/** One life of 400 ms with heartbeats every 100 ms, while the window is open. */
async function playUnder(
  hazard: FleetHazard,
  status: (received: ReceivedRequest) => number = () => 204,
): Promise<Played> {
  const server = await recordingServer(status);
  const hazards = new Hazards();
  const heal = await hazards.openWindow(hazard);
  const end = await oneLife(server, { ms: 400, habits: { xcom: 1, ends_on_sigterm: 0 }, hazards });
  const effect = await heal();
  const operations = await server.operations();
  await server.close();
  return { end, operations, received: server.received, effect };
}

/** In their order; several heartbeats in a row count as one, because a busy machine has more of them. */
const kinds = ({ operations }: Played) =>
  operations.map(({ kind }) => kind).filter((kind, i, all) => kind !== 'heartbeat' || all[i - 1] !== 'heartbeat');

test('a life that dies without a word sends no end', async () => {
  const played = await playUnder({ misbehaviour: 'silent_death', share: 1 });
  expect(played).toMatchObject({ end: 'silent', effect: '1 times, 1 lives' });
  expect(kinds(played)).toEqual(['run', 'heartbeat', 'rtif']);
});

test('a zombie sends nothing while it hangs, and continues afterwards', async () => {
  const played = await playUnder({ misbehaviour: 'zombie', share: 1, ms: [50, 50] });
  expect(played.end).toBe('reported');
  // It may hang again at each heartbeat but the first, and the task's result may be followed by one that is due.
  const [run, first, fields, ...others] = kinds(played);
  expect([run, first, fields]).toEqual(['run', 'heartbeat', 'rtif']);
  expect(others).toContain('heartbeat');
  expect(others.filter((kind) => kind !== 'heartbeat')).toEqual(['xcom_push', 'state']);
});

test('a zombie that the server stops reports its result and its end all the same', async () => {
  let beats = 0;
  const gone = ({ path }: ReceivedRequest) => {
    if (path.endsWith('heartbeat')) return ++beats === 1 ? 204 : 404;
    return path.endsWith('state') ? 404 : 204;
  };
  const played = await playUnder({ misbehaviour: 'zombie', share: 1, ms: [50, 50] }, gone);
  expect(played.end).toBe('stopped');
  // The end that was refused is reported once more.
  const end = ['xcom_push', 'state', 'state'];
  expect(kinds(played)).toEqual(['run', 'heartbeat', 'rtif', 'heartbeat', ...end]);
});

test('a clock that is wrong shows at the start and at the end by as much', async () => {
  const { received } = await playUnder({ misbehaviour: 'skewed_clock', share: 1, ms: [-300_000, -300_000] });
  const dates = received.flatMap(({ body }) => {
    const { start_date, end_date } = body as { readonly start_date?: string; readonly end_date?: string };
    return [start_date, end_date].filter((date) => date !== undefined);
  });
  expect(dates).toHaveLength(2);
  for (const date of dates) expect(Math.abs(Date.parse(date) + 300_000 - Date.now())).toBeLessThan(60_000);
});

test('an answer that is lost is unknown, whatever was asked', async () => {
  const { end, operations } = await playUnder({ misbehaviour: 'lost_answer', share: 1 });
  // This client sends once, and its supervisor fails without an answer.
  expect(end).toBe('raised');
  expect(operations).toMatchObject([{ kind: 'run', outcome: 'unknown', cause: 'answer-dropped', status: null }]);
});

test('with a share of nothing, and after the window, a life is left alone', async () => {
  const played = await playUnder({ misbehaviour: 'silent_death', share: 0 });
  expect(played).toMatchObject({ end: 'reported', effect: '0 times, 0 lives' });
  const hazards = new Hazards();
  const heal = await hazards.openWindow({ misbehaviour: 'zombie', share: 1, ms: [1, 1] });
  const life = hazards.of(1, new Rng(1));
  const hit = life.hit('zombie');
  expect(hit?.closed.aborted).toBe(false);
  expect(life.hit('late_end')).toBeUndefined();
  await heal();
  expect(hit?.closed.aborted).toBe(true);
  expect(life.hit('zombie')).toBeUndefined();
  expect(await heal()).toBe('1 times, 1 lives');
});

/** The herds that a resting life joins. */
function restOf(life: LifeHazards): ThunderingHerd[] {
  const joined: ThunderingHerd[] = [];
  life.awaitHerd({ join: (herd) => joined.push(herd) });
  return joined;
}

test('a thundering herd wakes all lives that rest, and none that comes later', async () => {
  const hazards = new Hazards();
  const rests = [1, 2, 3].map((life) => restOf(hazards.of(life, new Rng(life))));
  const awake = hazards.of(6, new Rng(6));
  const left = restOf(awake);
  awake.leaveHerd();
  const heal = await hazards.openWindow({ misbehaviour: 'herd_end', share: 1 });
  expect(rests).toEqual([['herd_end'], ['herd_end'], ['herd_end']]);
  expect(left).toEqual([]);
  expect(restOf(hazards.of(4, new Rng(4)))).toEqual([]);
  expect(await heal()).toBe('3 times, 3 lives');
});

test('a thundering herd ends the work of a life, and a cancelled run ends its rest', async () => {
  const server = await recordingServer();
  const hazards = new Hazards();
  /** The first heartbeat is a part of the start. */
  const resting = async (begun: number) => {
    const beats = () => server.received.slice(begun).filter(({ path }) => path.endsWith('heartbeat')).length;
    while (beats() < 2) await sleep(20);
    await sleep(20);
  };
  const playing = oneLife(server, { ms: 60_000, habits: {}, hazards });
  await resting(0);
  await hazards.openWindow({ misbehaviour: 'herd_end', share: 1 });
  expect(await playing).toBe('reported');
  const cancel = new CancelSource();
  const cancelled = oneLife(server, { ms: 60_000, habits: {}, hazards, cancel });
  const begun = server.received.length;
  await resting(begun);
  cancel.cancel();
  expect(await cancelled).toBe('run-ended');
  await server.close();
});
