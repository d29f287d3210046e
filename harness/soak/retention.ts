import type { Keep, SoakWindow } from '../model/soak.ts';

/**
 * The windows to reduce to their verdict now, as indexes of the list. Complete stay: windows that are not judged yet,
 * the newest, those with a violation with the window before and after each, and `keep.windows` of the others. If that
 * is more than the disk limit, the others are reduced first, then the neighbours, then violations that other windows
 * show as well: the first and the latest violation of each invariant stay longest.
 */
export function toReduce(windows: readonly SoakWindow[], keep: Keep): number[] {
  const broke = windows.map(isBroken);
  const near = windows.map((_, i) => broke[i - 1] === true || broke[i + 1] === true);
  const representative = representativeWindows(windows);
  const order = windows.map((_, place) => place).filter((place) => windows[place]?.whole);
  const open = (place: number) => windows[place]?.judged === null || place === windows.length - 1;
  const free = order.filter((place) => !open(place) && !broke[place]);
  const quiet = free.filter((place) => !near[place] && !nextIsOpen(windows, place));

  const gone = new Set(quiet.slice(0, Math.max(0, quiet.length - keep.windows)));
  const left = () => windows.reduce((sum, { bytes, whole }, place) => sum + (gone.has(place) && whole ? 0 : bytes), 0);
  const given = [
    quiet,
    free,
    order.filter((place) => !open(place) && !representative.has(place)),
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

/** The next window may turn out to have a violation, and then this one is its neighbour. */
function nextIsOpen(windows: readonly SoakWindow[], place: number): boolean {
  return place + 1 < windows.length && windows[place + 1]?.judged === null;
}

function isBroken({ judged }: SoakWindow): boolean {
  return judged?.verdict === 'fail';
}

/** The first and the latest window that violated each invariant or threshold. */
function representativeWindows(windows: readonly SoakWindow[]): Set<number> {
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
