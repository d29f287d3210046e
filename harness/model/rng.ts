/**
 * Everything random in a run. A generator is named by the seed and a path, so that what one life draws does not depend
 * on the order in which lives arrive. xmur3 seeds sfc32, both public domain.
 */
export class Rng {
  readonly #name: string;
  /** sfc32's; undefined until something is drawn: most generators are for windows that never open. */
  #state: Int32Array | undefined;

  constructor(seed: number, ...path: readonly (string | number)[]) {
    this.#name = `${seed}/${path.join('/')}`;
  }

  /** In [0, 1). */
  next(): number {
    this.#state ??= seeded(this.#name);
    return sfc32(this.#state) / 4294967296;
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  between(min: number, max: number): number {
    return min + (max - min) * this.next();
  }

  pick<T>(items: readonly [T, ...T[]]): T {
    return items[Math.floor(this.next() * items.length)] ?? items[0];
  }
}

function seeded(text: string): Int32Array {
  let h = 1779033703 ^ text.length;
  for (let i = 0; i < text.length; i++) {
    h = Math.imul(h ^ text.charCodeAt(i), 3432918353);
    h = (h << 13) | (h >>> 19);
  }
  const state = new Int32Array(4);
  for (let i = 0; i < 4; i++) {
    h = Math.imul(h ^ (h >>> 16), 2246822507);
    h = Math.imul(h ^ (h >>> 13), 3266489909);
    h ^= h >>> 16;
    state[i] = h;
  }
  for (let i = 0; i < 12; i++) sfc32(state);
  return state;
}

/** A whole number below 2³². */
function sfc32(state: Int32Array): number {
  const [b, c, d] = [state[1] as number, state[2] as number, state[3] as number];
  const t = ((((state[0] as number) + b) | 0) + d) | 0;
  state[3] = d + 1;
  state[0] = b ^ (b >>> 9);
  state[1] = c + (c << 3);
  state[2] = ((c << 21) | (c >>> 11)) + t;
  return t >>> 0;
}
