import type { Keep, SoakWindow } from '../model/soak.ts';

/**
 * Which windows are to be reduced to their verdict now, by their place in the list. Whole stay: what is not judged yet, the
 * newest, whatever broke a promise with the windows before and after it, and `keep.windows` of the others. Where all that is
 * more than the disk may hold, first the others go, then the neighbours, then violations that the windows before and
 * after show, too: of each promise the first and the latest time that it broke stay longest.
 */
export function toReduce(windows: readonly SoakWindow[], keep: Keep): number[] {
  const broke = windows.map(isBroken);
  const near = windows.map((_, i) => broke[i - 1] === true || broke[i + 1] === true);
  const telling = tellingWindows(windows);
  const order = windows.map((_, place) => place).filter((place) => windows[place]?.whole);
  const open = (place: number) => windows[place]?.judged === null || place === windows.length - 1;
  const free = order.filter((place) => !open(place) && !broke[place]);
  const quiet = free.filter((place) => !near[place] && !nextIsOpen(windows, place));

  const gone = new Set(quiet.slice(0, Math.max(0, quiet.length - keep.windows)));
  const left = () => windows.reduce((sum, { bytes, whole }, place) => sum + (gone.has(place) && whole ? 0 : bytes), 0);
  const given = [
    quiet,
    free,
    order.filter((place) => !open(place) && !telling.has(place)),
    order.filter((place) => !open(place)),
  ];
  for (const places of given) {
    for (const place of places) {
      if (left() <= keep.bytes) return [...gone].sort((a, b) => a - b);
      gone.add(place);
    }
  }
  return [...gone].sort((a, b) => a - b);
}

/** What comes after may break a promise, and then this is its neighbour. */
function nextIsOpen(windows: readonly SoakWindow[], place: number): boolean {
  return place + 1 < windows.length && windows[place + 1]?.judged === null;
}

function isBroken({ judged }: SoakWindow): boolean {
  return judged?.verdict === 'fail';
}

/** The first and the latest window that broke each promise or threshold. */
function tellingWindows(windows: readonly SoakWindow[]): Set<number> {
  const first = new Map<string, number>();
  const latest = new Map<string, number>();
  for (const [place, { judged }] of windows.entries()) {
    for (const name of [...Object.keys(judged?.broken ?? {}), ...(judged?.thresholds_broken ?? [])]) {
      if (!first.has(name)) first.set(name, place);
      latest.set(name, place);
    }
  }
  return new Set([...first.values(), ...latest.values()]);
}
