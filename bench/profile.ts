/**
 * Where the fleet's processor time goes: a profile of the short lives of bench:fleet, its samples summed by who was
 * working, and the profile itself for a flame graph (Chrome's DevTools, speedscope and VS Code open .cpuprofile files).
 *
 *     npm run bench:profile -- [--seconds 15] [--out fleet.cpuprofile]
 */
import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';

import { play } from '../harness/self/play.ts';

const { values } = parseArgs({
  options: { seconds: { type: 'string', default: '15' }, out: { type: 'string', default: 'fleet.cpuprofile' } },
});

/** What V8 writes: https://chromedevtools.github.io/devtools-protocol/tot/Profiler/#type-Profile */
interface Profile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string };
  }[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

const folder = mkdtempSync(path.join(tmpdir(), 'wt-bench-profile-'));
try {
  const seconds = Number(values.seconds);
  const short = { lives: 64, livesPerS: 0, lifeMs: 0, heartbeatMs: 5_000, connections: 1024 };
  const { requests_per_s, cpu_share } = await play({ ...short, seconds, warmUpS: 5, profileTo: folder });
  const profile = readProfile();
  const all = profile.timeDeltas.reduce((sum, us) => sum + us, 0);
  const idle = timeOf(profile, ({ functionName }) => functionName === '(idle)').get('') ?? 0;
  console.log(
    `${requests_per_s.toFixed(0)} requests a second at ${(cpu_share * 100).toFixed(0)} % of a core; of its time:`,
  );
  print(
    timeOf(profile, () => true, whose),
    all - idle,
    12,
  );
  console.log('\nfunctions that took the most by themselves:');
  print(
    timeOf(
      profile,
      () => true,
      ({ functionName, url }) => `${functionName || '(anonymous)'}  ${whose({ functionName, url })}`,
    ),
    all - idle,
    20,
  );
  copyFileSync(path.join(folder, profileOfFleet()), values.out);
  console.log(`\nflame graph: open ${values.out}`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}

type Frame = Profile['nodes'][number]['callFrame'];

/** The fleet's, and not its stub's: the one that has our files in it. */
function profileOfFleet(): string {
  const [name] = readdirSync(folder).filter((file) =>
    readFileSync(path.join(folder, file), 'utf8').includes('/fleet/fleet.ts'),
  );
  if (name === undefined) throw new Error('the fleet wrote no profile');
  return name;
}

function readProfile(): Profile {
  return JSON.parse(readFileSync(path.join(folder, profileOfFleet()), 'utf8')) as Profile;
}

function whose({ functionName, url }: Frame): string {
  if (url === '') return functionName.startsWith('(') ? functionName : 'V8';
  const inPackage = /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url)?.[1];
  if (inPackage) return inPackage;
  if (url.startsWith('node:')) return `node: ${url.slice(5).split('/').slice(0, 2).join('/')}`;
  return url.replace(/^.*\/harness\//, 'harness/');
}

/** Microseconds of samples. */
function timeOf(
  { nodes, samples, timeDeltas }: Profile,
  wanted: (frame: Frame) => boolean,
  name: (frame: Frame) => string = () => '',
) {
  const frames = new Map(nodes.map(({ id, callFrame }) => [id, callFrame]));
  const times = new Map<string, number>();
  samples.forEach((id, i) => {
    const frame = frames.get(id);
    if (!frame || !wanted(frame)) return;
    times.set(name(frame), (times.get(name(frame)) ?? 0) + (timeDeltas[i] ?? 0));
  });
  return times;
}

function print(times: ReadonlyMap<string, number>, all: number, most: number): void {
  const sorted = [...times].filter(([name]) => !name.startsWith('(idle)')).sort(([, x], [, y]) => y - x);
  for (const [name, us] of sorted.slice(0, most))
    console.log(`  ${((100 * us) / all).toFixed(1).padStart(5)} %  ${name}`);
}
