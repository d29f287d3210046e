import { createHash } from 'node:crypto';

import type { FindingMoment } from '../../model/finding.ts';
import { groupBy } from '../../model/group-by.ts';
import { knownRace } from '../../races/index.ts';

/** A violation that was kept to be grouped. */
export interface KeptViolation extends FindingMoment {
  readonly v: number;
  readonly variant: string;
  /**
   * When the earliest of the commits and deadlocks that brought it about happened, on PostgreSQL's clock; else `at_ms`.
   */
  readonly cause_ms: number;
  /** What brought it about: operations, transactions, deadlocks. */
  readonly keys: readonly string[];
}

/** Properties of an invariant that say how near its violations are to the cause. */
export interface InvariantRank {
  /** It is judged from what the server did (commits, its log), and not from answers alone. */
  readonly seesServer: boolean;
  readonly knownRaces: boolean;
}

/** Violations that share what brought them about: one occurrence of a cause. */
export interface Incident {
  readonly root: KeptViolation;
  readonly members: readonly KeptViolation[];
}

/** Incidents with roots of one kind. */
export interface Kind {
  readonly invariant: string;
  readonly variant: string;
  readonly fingerprint: string;
  readonly incidents: readonly Incident[];
}

class Groups<T> {
  readonly #parent = new Map<T, T>();

  find(one: T): T {
    let root = one;
    for (let next = this.#parent.get(root); next !== undefined; next = this.#parent.get(root)) root = next;
    // Halving the way keeps long chains of shared evidence cheap.
    for (let at = one; at !== root; ) {
      const next = this.#parent.get(at) ?? root;
      this.#parent.set(at, root);
      at = next;
    }
    return root;
  }

  join(one: T, other: T): void {
    const [a, b] = [this.find(one), this.find(other)];
    if (a !== b) this.#parent.set(b, a);
  }
}

/** Violations with a key in common, directly or through others, are one incident. In order of their causes. */
export function incidentsOf(
  violations: readonly KeptViolation[],
  rank: (invariant: string) => InvariantRank,
): Incident[] {
  const groups = new Groups<number>();
  const firstWith = new Map<string, number>();
  for (const { v, keys } of violations) {
    for (const key of keys) {
      const first = firstWith.get(key);
      if (first === undefined) firstWith.set(key, v);
      else groups.join(first, v);
    }
  }
  const members = groupBy(violations, ({ v }) => groups.find(v));
  return [...members.values()]
    .flatMap((group) => {
      const [root, ...others] = group.toSorted((a, b) => nearerToCause(a, b, rank));
      return root ? [{ root, members: [root, ...others] }] : [];
    })
    .sort((a, b) => a.root.cause_ms - b.root.cause_ms || a.root.v - b.root.v);
}

/**
 * A cause comes before its consequences. If two violations have the same commit or deadlock as their cause, the clocks
 * do not order them: then what the server did is nearer than the answer that a client got, and an invariant that was
 * written for a known race is nearer than one that is violated along with it.
 */
function nearerToCause(a: KeptViolation, b: KeptViolation, rank: (invariant: string) => InvariantRank): number {
  const [one, other] = [rank(a.invariant), rank(b.invariant)];
  return (
    a.cause_ms - b.cause_ms ||
    Number(other.seesServer) - Number(one.seesServer) ||
    Number(other.knownRaces) - Number(one.knownRaces) ||
    a.at_ms - b.at_ms ||
    a.invariant.localeCompare(b.invariant) ||
    a.v - b.v
  );
}

/**
 * Incidents of one kind are one finding. A kind is the invariant and the variant of the root. Two kinds are the same
 * cause seen from two sides if they are one known race, or if both have the same variant (the mechanism) and occurred
 * in one incident: a skip that hits only tasks that had ended violates an invariant about ends, and is the same skip.
 * Different variants in one incident are not joined: a deadlock causes a 500, and not every 500 is a deadlock.
 */
export function kindsOf(incidents: readonly Incident[]): Kind[] {
  const groups = new Groups<string>();
  for (const { root, members } of incidents) {
    for (const member of members) if (member.variant === root.variant) groups.join(kindKey(root), kindKey(member));
  }
  const races = new Map<string, string>();
  for (const { root } of incidents) {
    const race = knownRace(root.invariant, root.variant)?.name;
    if (race === undefined) continue;
    const first = races.get(race);
    if (first === undefined) races.set(race, kindKey(root));
    else groups.join(first, kindKey(root));
  }
  return [...groupBy(incidents, ({ root }) => groups.find(kindKey(root))).values()].flatMap((group) => {
    const { invariant, variant } = commonest(group);
    return [{ invariant, variant, fingerprint: fingerprintOf(invariant, variant), incidents: group }];
  });
}

/** The most frequent root represents all. */
function commonest(incidents: readonly Incident[]): { readonly invariant: string; readonly variant: string } {
  const counted = [...groupBy(incidents, ({ root }) => kindKey(root)).values()].toSorted(
    (a, b) => b.length - a.length || kindKey((a[0] as Incident).root).localeCompare(kindKey((b[0] as Incident).root)),
  );
  const [{ root } = incidents[0] as Incident] = counted[0] ?? [];
  return { invariant: root.invariant, variant: root.variant };
}

/** A known race keeps its fingerprint whichever of its variants a run shows most. */
function fingerprintOf(invariant: string, variant: string): string {
  const name = knownRace(invariant, variant)?.name ?? `${invariant}|${variant}`;
  return createHash('sha256').update(name).digest('hex').slice(0, 8);
}

function kindKey({ invariant, variant }: KeptViolation): string {
  return `${invariant}|${variant}`;
}
