import { type Html, html } from '../reports/html/html.ts';

/** What V8 writes: https://chromedevtools.github.io/devtools-protocol/tot/Profiler/#type-Profile */
export interface Profile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string };
    readonly children?: readonly number[];
  }[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

interface Flame {
  readonly name: string;
  readonly owner: string;
  us: number;
  readonly children: Map<string, Flame>;
}

const WIDTH = 1600;
const ROW = 17;
const MARGIN = 12;
const HEAD = 58;
/** Narrower ones nobody can read, and there are thousands of them. */
const LEAST_WIDTH = 2;
const CHARACTER = 6.3;

/** By who is at work; both readable under black text. */
const COLOURS: Readonly<Record<string, string>> = {
  windtunnel: '#f4a261',
  undici: '#8ab6d6',
  node: '#a8d5a2',
  'V8 and the system': '#d9d9d9',
  'garbage collection': '#e5989b',
  'other packages': '#cdb4db',
};

/**
 * A picture of a profile: callers below, what they call above, each as wide as the time it took; `whose` says who owns
 * a function. An SVG that stands by itself; the pointer on a box tells the whole name and its share.
 */
export function flameGraph(profile: Profile, title: string, whose: (name: string, url: string) => string): string {
  const root = flames(profile, whose);
  const depth = deepest(root);
  const height = HEAD + depth * ROW + MARGIN;
  const boxes: Html[] = [];
  draw(root, { x: MARGIN, y: height - MARGIN - ROW, scale: (WIDTH - 2 * MARGIN) / root.us, all: root.us }, boxes);
  const legend = Object.entries(COLOURS).map(
    ([owner, colour], i) =>
      html`<rect x="${MARGIN + i * 190}" y="32" width="12" height="12" fill="${colour}"/><text x="${MARGIN + 18 + i * 190}" y="42">${owner}</text>\n`,
  );
  return html`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" font-family="ui-monospace, monospace" font-size="10.5">
<rect width="100%" height="100%" fill="#fff"/><text x="${MARGIN}" y="20" font-size="14">${title}</text>
${legend}${boxes}</svg>
`.toString();
}

/** Calls of the same function by the same callers are one flame. Time in which nothing was to be done is left out. */
function flames({ nodes, samples, timeDeltas }: Profile, whose: (name: string, url: string) => string): Flame {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const parents = new Map(nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id] as const)));
  const root = newFlame('all', 'other packages');
  const of = new Map<number, Flame>();
  const flameOf = (id: number): Flame => {
    const known = of.get(id);
    if (known) return known;
    const parent = parents.get(id);
    const frame = byId.get(id)?.callFrame;
    if (parent === undefined || !frame) return root;
    const above = flameOf(parent);
    const name = frame.functionName || '(anonymous)';
    const key = `${name} ${frame.url}`;
    const flame = above.children.get(key) ?? newFlame(name, whose(name, frame.url));
    above.children.set(key, flame);
    of.set(id, flame);
    return flame;
  };
  samples.forEach((id, i) => {
    if (byId.get(id)?.callFrame.functionName === '(idle)') return;
    const us = timeDeltas[i] ?? 0;
    root.us += us;
    // Once each: a sample's time is that of all who wait for it.
    const chain = new Set<Flame>();
    for (let at: number | undefined = id; at !== undefined; at = parents.get(at)) chain.add(flameOf(at));
    chain.delete(root);
    for (const flame of chain) flame.us += us;
  });
  return root;
}

function newFlame(name: string, owner: string): Flame {
  return { name, owner, us: 0, children: new Map() };
}

function deepest({ us, children }: Flame, all = us): number {
  const seen = [...children.values()].filter((child) => child.us / all >= LEAST_WIDTH / WIDTH);
  return 1 + Math.max(0, ...seen.map((child) => deepest(child, all)));
}

interface Place {
  readonly x: number;
  readonly y: number;
  readonly scale: number;
  readonly all: number;
}

function draw(flame: Flame, place: Place, boxes: Html[]): void {
  const width = flame.us * place.scale;
  if (width < LEAST_WIDTH) return;
  const { x, y } = place;
  const share = `${((100 * flame.us) / place.all).toFixed(1)} %`;
  const fits = Math.floor((width - 6) / CHARACTER);
  const label = fits < 3 ? '' : flame.name.length <= fits ? flame.name : `${flame.name.slice(0, fits - 1)}…`;
  const text = label === '' ? null : html`<text x="${(x + 3).toFixed(1)}" y="${y + 12}">${label}</text>`;
  boxes.push(
    html`<g><title>${flame.name}, ${flame.owner}: ${share}</title><rect x="${x.toFixed(1)}" y="${y}" width="${(width - 0.5).toFixed(1)}" height="${ROW - 1}" rx="2" fill="${COLOURS[flame.owner] ?? '#eee'}"/>${text}</g>\n`,
  );
  let at = x;
  for (const child of [...flame.children.values()].sort((a, b) => b.us - a.us)) {
    draw(child, { ...place, x: at, y: y - ROW }, boxes);
    at += child.us * place.scale;
  }
}
