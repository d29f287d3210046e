import type { LifeContext } from './context.ts';

/** What a life will do, drawn before it starts, so that the server's answers do not change what is drawn. */
export interface LifePlan {
  readonly pickupMs: number;
  readonly durationMs: number;
  readonly rtif: boolean;
  readonly rtifTwice: boolean;
  readonly xcom: boolean;
  readonly lostAnswer: boolean;
  readonly fails: boolean;
  readonly silentDeath: boolean;
  readonly neverStarts: boolean;
  readonly defers: boolean;
  /** The share of its work that is done when an impostor comes; null: none comes. */
  readonly impostorAt: number | null;
}

export function drawLifePlan({ spec, rng, hazards }: Pick<LifeContext, 'spec' | 'rng' | 'hazards'>): LifePlan {
  const { task, fleet } = spec;
  const habits = { ...fleet.habits, ...task.habits };
  const drawn = {
    durationMs: rng.between(...task.duration_ms),
    rtif: rng.chance(habits.rtif),
    rtifTwice: rng.chance(habits.rtif_twice),
    xcom: rng.chance(habits.xcom),
    lostAnswer: rng.chance(habits.lost_answer),
    fails: rng.chance(habits.fails),
    silentDeath: rng.chance(habits.silent_death),
    defers: rng.chance(habits.defers),
    // Last, so that a seed gives the lives that it gave before there were impostors.
    impostorAt: rng.chance(habits.impostor) ? rng.between(0.2, 0.8) : null,
    pickupMs: task.pickup_ms ? rng.between(...task.pickup_ms) : 0,
    neverStarts: rng.chance(habits.never_starts ?? 0),
  };
  return {
    ...drawn,
    impostorAt: drawn.impostorAt ?? (hazards.hit('impostor') ? 0.5 : null),
    pickupMs: drawn.pickupMs + (hazards.hit('late_start')?.ms ?? 0),
  };
}
