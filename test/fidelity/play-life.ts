import { HttpTransport } from '../../harness/fleet/http-transport.ts';
import type { LifeEnd, Operation } from '../../harness/model/operation.ts';
import { Rng } from '../../harness/model/rng.ts';
import type { Habits, TaskSpec } from '../../harness/model/scenario.ts';
import { CancelSource } from '../../harness/worker/cancel.ts';
import { workerClient } from '../../harness/worker/client.ts';
import { Hazards } from '../../harness/worker/hazards.ts';
import { RunningLife } from '../../harness/worker/life.ts';
import { Requests, type Transport } from '../../harness/worker/requests.ts';
import { type Timer, timers } from '../../harness/worker/timers.ts';
import { REAL_CLIENT, STEADY_HABITS } from '../../workloads/shapes.ts';
import type { FidelityCase } from './cases.ts';
import { headersOf, masked, type Played, type Recording } from './recording.ts';
import { ScriptedApi } from './stub.ts';

/** What a life does where real_dags.py has an operator. Absent: no life does that. */
interface Role {
  readonly habits?: Partial<Habits>;
  readonly task?: Partial<TaskSpec>;
  readonly follows?: readonly string[];
  readonly outlets?: readonly string[];
  readonly triggers?: string;
  readonly heartbeat_ms?: number;
}

const AT_ONCE = { duration_ms: [400, 400] } as const;
const LONG = { duration_ms: [400_000, 400_000] } as const;
/** Whenever the second heartbeat is due, there is work left, and less than the five seconds that a worker then has. */
const NEARLY_DONE = { task: { duration_ms: [7_400, 7_400] }, heartbeat_ms: 2_500 } as const;
const BRANCH: Role = { habits: { rtif: 0 }, task: { skips: ['other_1', 'other_2'] }, follows: ['chosen'] };
const ROLES: Readonly<Record<string, Role>> = {
  plain: {},
  plain_retry: {},
  outlets: { outlets: ['a_out'] },
  trigger: { triggers: 'wt_other' },
  trigger_retry: { triggers: 'wt_other' },
  // Long enough for two more heartbeats.
  sleeps_12: { task: { duration_ms: [21_000, 21_000] } },
  bash: { habits: { xcom: 1 } },
  returns: { habits: { xcom: 1 } },
  returns_retry: { habits: { xcom: 1 } },
  branch: BRANCH,
  branch_retry: BRANCH,
  deferrable: { habits: { defers: 1, xcom: 1 } },
  sensor: { habits: { reschedules: 1, rtif: 0 } },
  fails: { habits: { fails: 1 } },
  fails_retry: { habits: { fails: 1 } },
  each: { habits: { xcom: 1 } },
  works_240: { task: LONG },
  works_8_pushes: { ...NEARLY_DONE, habits: { xcom: 1 } },
  works_8_fails: { ...NEARLY_DONE, habits: { fails: 1 } },
  bash_240: { task: LONG, habits: { ends_on_sigterm: 1 } },
};

export function isPlayed({ task }: FidelityCase): boolean {
  return task in ROLES;
}

/** Plays the cases with lives, as the worker of a release would. Takes no time but that of the requests. */
export async function playLives(release: string, cases: readonly FidelityCase[]): Promise<Recording> {
  const time = new VirtualTime();
  const api = new ScriptedApi(cases, release, () => time.now);
  const transport = new HttpTransport([await api.listen()], 4, 5_000);
  try {
    const played: Record<string, Played> = {};
    for (const [place, script] of cases.entries()) {
      const end = await time.run((way) => playLife(release, script, place, way(transport), time));
      played[script.name] = { end: newsOf(end), requests: masked(api.sentBy(place)) };
    }
    return { release, headers: headersOf(cases.flatMap((_, place) => api.sentBy(place))), cases: played };
  } finally {
    await transport.close();
    await api.close();
  }
}

/** Whether the supervisor of such a life would have raised an error. */
function newsOf(end: LifeEnd): string {
  return end === 'refused' || end === 'raised' ? 'raised' : 'returned';
}

function playLife(
  release: string,
  { task, map_index = -1 }: FidelityCase,
  place: number,
  transport: Transport,
  time: VirtualTime,
): Promise<LifeEnd> {
  const role = ROLES[task] ?? {};
  const clock = { startedAt: new Date(), now: () => time.now };
  const client = workerClient(release);
  let number = 0;
  const operationLog = {
    correlation: `case-${place}`,
    takeNumber: () => ++number,
    sent: () => undefined,
    recordOperation: ({ kind, sent_ms, intended_ms }: Operation) => {
      if (sent_ms - intended_ms > 1) throw new Error(`a ${kind} request of the life was late by its own doing`);
    },
  };
  const hazards = new Hazards();
  return new RunningLife({
    spec: {
      life: place + 1,
      duplicateOf: null,
      worker: `w-${place + 1}`,
      pid: 1_001 + place,
      workload: {
        token: `case-${place}`,
        ti: { id: `ti-${place}`, dag_id: 'wt_real', run_id: 'r1', task_id: task, map_index, try_number: 1 },
      },
      task: { task_id: task, upstream: [], ...AT_ONCE, ...role.task },
      fleet: {
        ...REAL_CLIENT,
        heartbeat_ms: role.heartbeat_ms ?? 5_000,
        habits: { ...STEADY_HABITS, fails: 0, xcom: 0, ends_on_sigterm: 0, ...role.habits },
      },
      client,
      outlets: role.outlets ?? [],
      triggers: role.triggers ?? null,
      follows: role.follows ?? [],
      handedMs: time.now,
      seed: 1,
      name: task,
      turn: place,
    },
    requests: new Requests({ transport, attempts: REAL_CLIENT.retries, headers: client.headers, clock, operationLog }),
    clock,
    rng: new Rng(1, task, place),
    hazards: hazards.of(place, new Rng(2, task, place)),
    hooks: {
      isRevoked: () => false,
      onStarted: () => undefined,
      onLeaving: () => undefined,
      cancel: new CancelSource(),
    },
  }).play();
}

/** Jumps to the next timer of lives whenever no request is under way and nothing else is left to do. */
class VirtualTime {
  now = 0;
  #underWay = 0;
  readonly #waiting = new Map<object, { readonly atMs: number; readonly fire: () => void }>();

  async run<T>(play: (way: (transport: Transport) => Transport) => Promise<T>): Promise<T> {
    const real = { ...timers };
    timers.set = (callback, ms, argument) => {
      const timer = {};
      this.#waiting.set(timer, { atMs: this.now + ms, fire: () => callback(argument) });
      return timer as Timer;
    };
    timers.clear = (timer) => void (timer && this.#waiting.delete(timer as object));
    try {
      let ended = false;
      const playing = play((transport) => this.#watched(transport)).finally(() => {
        ended = true;
      });
      // What goes wrong is thrown below.
      playing.catch(() => undefined);
      while (!ended) {
        await new Promise((resolve) => setImmediate(resolve));
        if (this.#underWay === 0 && !ended) this.#jump();
      }
      return await playing;
    } finally {
      Object.assign(timers, real);
    }
  }

  #jump(): void {
    const [next] = [...this.#waiting].sort(([, a], [, b]) => a.atMs - b.atMs);
    if (next === undefined) return;
    const [timer, { atMs, fire }] = next;
    this.#waiting.delete(timer);
    this.now = Math.max(this.now, atMs);
    fire();
  }

  #watched(transport: Transport): Transport {
    return {
      acquire: async (life) => {
        const connection = await transport.acquire(life);
        return {
          request: async (spec, headers, cancel) => {
            this.#underWay++;
            try {
              return await connection.request(spec, headers, cancel);
            } finally {
              this.#underWay--;
            }
          },
          release: () => connection.release(),
        };
      },
    };
  }
}
