import { paintFor, type TextOptions } from '../../reports/terminal/screen.ts';
import { count, milliseconds, padEnd, seconds, shorten, some, visible } from '../../reports/words.ts';

/** Where a run stands. Null: not known, or not known yet. */
export interface LiveNow {
  readonly phase: string;
  /** Since the phase began. */
  readonly elapsedMs: number;
  readonly plannedMs: number | null;
  readonly live: number | null;
  readonly requestsPerSecond: number | null;
  /** Of the last second, from the intended start. */
  readonly p95Ms: number | null;
  readonly sent: number | null;
  readonly http409: number | null;
  readonly http5xx: number | null;
  readonly deadlocks: number | null;
  /** Faults with an open window: `kill scheduler-1`. */
  readonly faults: readonly string[];
  /** The latest thing that looks like a violation. */
  readonly note?: string | undefined;
}

/** As long as there are no numbers. */
export const NO_NUMBERS = {
  plannedMs: null,
  live: null,
  requestsPerSecond: null,
  p95Ms: null,
  sent: null,
  http409: null,
  http5xx: null,
  deadlocks: null,
  faults: [],
} as const satisfies Partial<LiveNow>;

/** What the line needs of a terminal or a file. */
export interface LiveStream {
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
  write(text: string): unknown;
}

export interface LiveOptions extends Partial<TextOptions> {
  /** Which of several runs it is: `airflow@3.2.1 (1 of 2)`. */
  readonly label: string;
  readonly read: () => LiveNow;
  /** Where to: the error stream by default, so that `--json` on the output stays one document. */
  readonly stream?: LiveStream;
  /** Milliseconds that only go forward. */
  readonly clock?: () => number;
}

const ERASE_LINE = '\r\u001b[2K';
/** Readers follow no faster, and a slow terminal must not slow the run. */
const REDRAW_MS = 100;
/** Without a terminal: how soon a change of phase is printed, and how often a line is printed at least. */
const LOOK_MS = 250;
const PLAIN_MS = 10_000;

/**
 * The progress of a run: on a terminal one line that is overwritten, elsewhere a plain line at each change of phase and
 * every 10 s. The cursor is never hidden, so a killed process leaves the terminal as it was.
 */
export class LiveLine {
  readonly #options: LiveOptions;
  readonly #stream: LiveStream;
  readonly #clock: () => number;
  readonly #timer: NodeJS.Timeout;
  #shown = '';
  #plainAt = Number.NEGATIVE_INFINITY;
  #plainPhase: string | undefined;
  #stopped = false;

  constructor(options: LiveOptions) {
    this.#options = options;
    this.#stream = options.stream ?? process.stderr;
    this.#clock = options.clock ?? (() => performance.now());
    this.#timer = setInterval(() => this.#tick(), this.#isTerminal() ? REDRAW_MS : LOOK_MS);
    // The line alone must not keep the program alive.
    this.#timer.unref();
    this.#tick();
  }

  /** Prints a line of text above the live one. */
  note(text: string): void {
    this.#erase();
    this.#stream.write(`${text}\n`);
    if (!this.#stopped) this.#redraw();
  }

  /** Removes the line. The next output begins at the left of an empty line. */
  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    clearInterval(this.#timer);
    this.#erase();
  }

  #isTerminal(): boolean {
    // `dumb` terminals (Emacs, some CI) have no erasing.
    return this.#stream.isTTY === true && process.env.TERM !== 'dumb';
  }

  #tick(): void {
    if (this.#isTerminal()) this.#redraw();
    else this.#plain();
  }

  #redraw(): void {
    if (!this.#isTerminal()) return;
    // One column less than the width: a full line wraps in some terminals, and a wrapped line cannot be erased.
    const columns = Math.max(1, (this.#stream.columns || 80) - 1);
    const line = shorten(liveText(this.#options.label, this.#options.read()), columns);
    if (line === this.#shown) return;
    this.#stream.write(`${ERASE_LINE}${paintFor({ color: this.#options.color ?? !process.env.NO_COLOR }).dim(line)}`);
    this.#shown = line;
  }

  #plain(): void {
    const now = this.#options.read();
    const at = this.#clock();
    if (now.phase === this.#plainPhase && at - this.#plainAt < PLAIN_MS) return;
    this.#plainPhase = now.phase;
    this.#plainAt = at;
    this.#stream.write(`${liveText(this.#options.label, now)}\n`);
  }

  #erase(): void {
    if (this.#shown !== '') this.#stream.write(ERASE_LINE);
    this.#shown = '';
  }
}

/** Numbers keep their places, so that they can be followed. */
export function liveText(label: string, now: LiveNow): string {
  const { live, requestsPerSecond, p95Ms, http409, http5xx, deadlocks, faults, note } = now;
  const number = (value: number | null, name: string, width: number) =>
    value === null ? [] : [`${count(value).padStart(width)} ${name}`];
  const named = (value: number | null, name: string) => (value === null ? [] : [padEnd(`${name} ${count(value)}`, 6)]);
  return [
    visible(label),
    phaseText(now),
    ...number(live, 'live', 4),
    ...number(requestsPerSecond, 'requests/s', 5),
    ...(p95Ms === null ? [] : [`p95 ${`${milliseconds(p95Ms)} ms`.padStart(8)}`]),
    ...named(http409, '409'),
    ...named(http5xx, '5xx'),
    ...named(deadlocks, 'deadlocks'),
    ...(faults.length === 0 ? [] : [`faults: ${visible(some(faults, 3))}`]),
    ...(note === undefined ? [] : [visible(note)]),
  ].join(' · ');
}

/** `load 20 %, 48 s left`; where the end is not known, the time since the phase began. */
function phaseText({ phase, elapsedMs, plannedMs }: LiveNow): string {
  if (plannedMs === null || plannedMs <= 0) return `${visible(phase)} ${seconds(Math.floor(elapsedMs / 1000))}`;
  const done = Math.min(1, elapsedMs / plannedMs);
  const left = Math.max(0, Math.ceil((plannedMs - elapsedMs) / 1000));
  return `${visible(phase)} ${`${Math.floor(done * 100)} %`.padStart(4)}, ${seconds(left)} left`;
}
