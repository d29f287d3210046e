/**
 * Where the fleet's processor time goes: a profile of the short lives of bench:fleet, its samples summed by owner and by
 * function. With --keep the profile itself stays: Chrome's DevTools, speedscope and VS Code draw it as a flame graph.
 *
 *     npm run bench:profile -- [--seconds 15] [--keep fleet.cpuprofile]
 */
import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { play } from './self/play.ts';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '15' },
    keep: { type: 'string' },
  },
});

const WARM_UP_S = 5;
const folder = mkdtempSync(path.join(tmpdir(), 'wt-bench-profile-'));
try {
  const seconds = Number(values.seconds);
  const short = { lives: 64, livesPerS: 0, lifeMs: 0, heartbeatMs: 5_000, connections: 1024 };
  const { requests_per_s, cpu_share } = await play({ ...short, seconds, warmUpS: WARM_UP_S, profileTo: folder });
  const profile = readProfile();
  const share = (cpu_share * 100).toFixed(0);
  console.log(`${requests_per_s.toFixed(0)} requests a second at ${share} % of a core; of its time:`);
  print(profile, ownerOf, 12);
  console.log('\nfunctions that took the most by themselves:');
  print(profile, (frame) => `${frame.functionName || '(anonymous)'}  ${ownerOf(frame)}`, 20);
  if (values.keep !== undefined) copyFileSync(path.join(folder, profileOfFleet()), values.keep);
} finally {
  rmSync(folder, { recursive: true, force: true });
}

/** What V8 writes: https://chromedevtools.github.io/devtools-protocol/tot/Profiler/#type-Profile */
interface Profile {
  readonly nodes: readonly { readonly id: number; readonly callFrame: Frame }[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

interface Frame {
  readonly functionName: string;
  readonly url: string;
}

/** The fleet's, and not its stub's: the one that has our files in it. */
function profileOfFleet(): string {
  const [name] = readdirSync(folder).filter((file) =>
    readFileSync(path.join(folder, file), 'utf8').includes('/fleet/fleet.ts'),
  );
  if (name === undefined) throw new Error('the fleet wrote no profile');
  return name;
}

/** Without the first seconds, in which code is read and compiled. */
function readProfile(): Profile {
  const whole = JSON.parse(readFileSync(path.join(folder, profileOfFleet()), 'utf8')) as Profile;
  let from = 0;
  for (let us = 0; us < WARM_UP_S * 1e6 && from < whole.timeDeltas.length; from++) us += whole.timeDeltas[from] ?? 0;
  return { ...whole, samples: whole.samples.slice(from), timeDeltas: whole.timeDeltas.slice(from) };
}

function ownerOf({ functionName, url }: Frame): string {
  if (url === '') return functionName.startsWith('(') ? functionName : 'V8';
  const inPackage = /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url)?.[1];
  if (inPackage) return inPackage;
  if (url.startsWith('node:')) return `node: ${url.slice(5).split('/').slice(0, 2).join('/')}`;
  return url.replace(/^.*\/harness\//, 'harness/');
}

/** The names with the most samples, each with its share of the time in which the core did something. */
function print({ nodes, samples, timeDeltas }: Profile, name: (frame: Frame) => string, most: number): void {
  const names = new Map(nodes.map(({ id, callFrame }) => [id, name(callFrame)]));
  const times = new Map<string, number>();
  samples.forEach((id, i) => {
    const of = names.get(id) ?? '';
    if (!of.startsWith('(idle)')) times.set(of, (times.get(of) ?? 0) + (timeDeltas[i] ?? 0));
  });
  const all = [...times.values()].reduce((sum, us) => sum + us, 0);
  for (const [of, us] of [...times].sort(([, x], [, y]) => y - x).slice(0, most)) {
    console.log(`  ${((100 * us) / all).toFixed(1).padStart(5)} %  ${of}`);
  }
}
