import type { Manifest } from '../model/manifest.ts';

type Described = Pick<Manifest, 'build' | 'identity' | 'windtunnel' | 'machine'>;

/** A hash says only that something is different. */
const HASH = /^[0-9a-f]{16,}$/;

/** What of the build, of the machine and of windtunnel is not the same: `airflow 3.3.1 → 3.3.2`. */
export function differences(before: Described, after: Described): string[] {
  const [old, now] = [partsOf(before), partsOf(after)];
  return [...new Set([...old.keys(), ...now.keys()])].flatMap((part) => {
    const [was, is] = [old.get(part) ?? 'none', now.get(part) ?? 'none'];
    if (was === is) return [];
    return [HASH.test(was) || HASH.test(is) ? `other ${part.replaceAll('_', ' ')}` : `${part} ${was} → ${is}`];
  });
}

function partsOf({ build, identity, windtunnel, machine }: Described): Map<string, string> {
  const { platform, arch, cpus, memory_bytes } = machine;
  return new Map([
    ['build', build],
    ...Object.entries(identity),
    ['windtunnel', windtunnel],
    ['machine', `${platform} ${arch}, ${cpus} CPUs, ${Math.round(memory_bytes / 2 ** 30)} GiB`],
  ]);
}
