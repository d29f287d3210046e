import { isCue, type Step, type StepAction } from './steps.ts';

/** A script without what makes the order, to see whether its holds or its requests alone break anything. */
export type ControlKind = 'without-holds' | 'hold-alone' | 'without-last-cue';

/** A step of a control: it holds as long as the script held. */
export interface Pause {
  readonly pauseMs: number;
}

export interface Control {
  readonly kind: ControlKind;
  readonly steps: readonly (Step | Pause)[];
}

/** `heldMs`: how long the episodes held what they released last. */
export function controlsOf(steps: readonly Step[], heldMs: number): readonly Control[] {
  const last = steps.findLast(({ action }) => action.do === 'release');
  if (last?.action.do !== 'release')
    return steps.some(({ action }) => action.do === 'cut')
      ? [{ kind: 'without-holds', steps: withoutHolds(steps) }]
      : [{ kind: 'without-last-cue', steps: withoutLastCue(steps) }];
  const [central = ''] = last.action.names;
  const without: Control = { kind: 'without-holds', steps: withoutHolds(steps) };
  // What a process does by itself while something is held, it does in any hold.
  if (!besideHold(steps, central).some(isCue)) return [without];
  return [without, { kind: 'hold-alone', steps: holdAlone(steps, central, heldMs) }];
}

/** What happens while this is held. */
function besideHold(steps: readonly Step[], name: string): readonly Step[] {
  const [reached, released] = whereHeld(steps, name);
  return steps.slice(reached + 1, released);
}

function whereHeld(steps: readonly Step[], name: string): readonly [number, number] {
  return [
    steps.findIndex(({ action }) => action.do === 'reached' && action.name === name),
    steps.findIndex(({ action }) => action.do === 'release' && action.names.includes(name)),
  ];
}

const OF_OPERATORS: readonly StepAction['do'][] = ['revise', 'backfill', 'mark', 'clear', 'delete'];
const OF_HOLDS: readonly StepAction['do'][] = ['hold', 'cut', 'reached', 'release', 'blocked', 'passes'];

/** Whether a step is there for the order alone, once something was held: it holds, or waits for what comes of it. */
export function isOfOrder({ action }: Step): boolean {
  return OF_HOLDS.includes(action.do) || action.do === 'state';
}

/** The same requests, one after another. What only the order brings about is not waited for. */
function withoutHolds(steps: readonly Step[]): Step[] {
  const first = steps.findIndex(({ action }) => action.do === 'hold' || action.do === 'cut');
  return steps.filter((step, i) => i < first || !isOfOrder(step)).map((step) => ({ ...step, waits: true }));
}

/** The hold for as long, and nothing beside it. */
function holdAlone(steps: readonly Step[], central: string, heldMs: number): (Step | Pause)[] {
  const [reached, released] = whereHeld(steps, central);
  const before = steps.slice(0, reached + 1);
  const held = before.flatMap(({ action }) => (action.do === 'hold' ? [action.name] : []));
  const gone = new Set(before.flatMap(({ action }) => (action.do === 'release' ? action.names : [])));
  const release = steps[released];
  const left = held.filter((name) => name !== central && !gone.has(name));
  const letGo = (names: readonly string[]) =>
    names.flatMap((name) =>
      release ? [{ ...release, text: `release ${name}`, action: { do: 'release' as const, names: [name] } }] : [],
    );
  const answers = steps.slice(released + 1).filter(({ action }) => action.do === 'answered');
  // What else is held would go beside what the first has still to do.
  return [...before, { pauseMs: heldMs }, ...letGo([central]), ...answers, ...letGo(left)];
}

/** Without what an operator does last, and all that follows; where none does more than trigger, the last cue. */
function withoutLastCue(steps: readonly Step[]): Step[] {
  const byOperator = steps.findLastIndex(({ action }) => OF_OPERATORS.includes(action.do));
  return steps.slice(0, byOperator === -1 ? steps.findLastIndex(isCue) : byOperator);
}
