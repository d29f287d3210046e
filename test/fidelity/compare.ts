import type { Difference } from './differences.ts';
import type { Played, Request } from './recording.ts';

/**
 * What a worker sent, a line a request: method, route, status, token, keys of the body. Of the heartbeats that were
 * accepted only the first: how many there are is a matter of time.
 */
export function linesOf({ requests, end }: Played): string[] {
  const [first] = requests.filter(isAcceptedBeat);
  const sent = requests.filter((request) => request === first || !isAcceptedBeat(request));
  return [...sent.map(lineOf), end.split(' ')[0] ?? ''];
}

function isAcceptedBeat({ what, status }: Request): boolean {
  return what === 'PUT heartbeat' && status === 204;
}

function lineOf({ what, status, token, body }: Request): string {
  const old = token === 1 ? ' with the first token' : '';
  return `${what} ${status}${bodyOf(what, body)}${old}`;
}

/** What a task writes is its own; the keys of all else are the worker's. */
function bodyOf(what: string, body: unknown): string {
  if (what.startsWith('POST xcom') && !what.includes('skipmixin_key')) return '';
  if (typeof body !== 'object' || body === null) return body === null ? '' : ` ${typeof body}`;
  if (Array.isArray(body)) return ' array';
  const keys = Object.keys(body).sort();
  return ` {${keys.map((key) => (key === 'state' ? `state: ${(body as { state: string }).state}` : key)).join(', ')}}`;
}

export interface Comparison {
  /** What the real worker and the life sent, where they differ otherwise than listed. */
  readonly unlisted: readonly { readonly name: string; readonly real: string[]; readonly life: string[] }[];
  /** Listed and seen. */
  readonly seen: ReadonlySet<Difference>;
}

export function compare(
  release: string,
  real: Readonly<Record<string, Played>>,
  lives: Readonly<Record<string, Played>>,
  differences: readonly Difference[],
): Comparison {
  const seen = new Set<Difference>();
  const pairs = Object.entries(lives).map(([name, life]) => {
    const played = real[name];
    if (played === undefined) throw new Error(`"${name}" is not recorded of ${release}: npm run fidelity`);
    const listed = differences.filter(
      ({ cases, releases }) => (cases?.includes(name) ?? true) && (releases?.includes(release) ?? true),
    );
    const lines = linesOf(played).flatMap((line) => changed(line, listed, seen));
    return { name, real: lines, life: linesOf(life) };
  });
  return { unlisted: pairs.filter((pair) => pair.real.join('\n') !== pair.life.join('\n')), seen };
}

function changed(line: string, listed: readonly Difference[], seen: Set<Difference>): string[] {
  let is: string | undefined = line;
  for (const difference of listed) {
    if (is === undefined || !difference.line.test(is)) continue;
    const becomes: string | undefined =
      difference.becomes === undefined ? undefined : is.replace(difference.line, difference.becomes);
    if (becomes !== is) seen.add(difference);
    is = becomes;
  }
  return is === undefined ? [] : [is];
}

/** A sending of what had failed, and how long after that, seconds; `n`: 1 for the first one that is sent again. */
export interface Resend {
  readonly what: string;
  readonly n: number;
  readonly waited: number;
}

/** `retriesBeats`: a heartbeat is sent again like any other request. */
export function resendsOf({ requests: all }: Played, retriesBeats: boolean): Resend[] {
  const requests = all.filter(({ what }) => retriesBeats || what !== 'PUT heartbeat');
  const found: Resend[] = [];
  let n = 0;
  for (const [i, request] of requests.entries()) {
    const before = requests[i - 1];
    const again =
      before !== undefined && before.what === request.what && (before.status === 0 || before.status >= 500) && n < 4;
    n = again ? n + 1 : 0;
    if (again) found.push({ what: request.what, n, waited: request.at - before.at });
  }
  return found;
}

/** From each heartbeat that was accepted to the next one, seconds. */
export function restsOf({ requests }: Played): number[] {
  const beats = requests.filter(({ what }) => what === 'PUT heartbeat');
  return beats.flatMap((beat, i) => {
    const before = beats[i - 1];
    return before !== undefined && isAcceptedBeat(before) ? [beat.at - before.at] : [];
  });
}
