import { readFileSync } from 'node:fs';
import path from 'node:path';

import { expect, test } from 'vitest';
import { parse } from 'yaml';

import { KUBERNETES, ofKind } from './kubernetes.ts';

test('ports, names, labels and secrets fit each other', () => {
  const [container] = ofKind('Job').spec.template.spec.containers;
  const ports = ofKind('Service').spec.ports.map(({ port }) => String(port));
  const { handoff } = parse(ofKind('ConfigMap').data['target.yaml'] ?? '') as { readonly handoff: string };
  const value = (flag: string) => container.args[container.args.indexOf(flag) + 1] ?? '';
  expect([value('--worker-listen'), handoff, value('--metrics-port')].map((text) => text.split(':').at(-1))).toEqual(
    ports,
  );
  const { runner, script, arguments: flags } = ofKind('TestRun').spec;
  const leases = runner.env.find(({ name }) => name === 'WINDTUNNEL_URL')?.value;
  expect(leases).toBe(`http://${ofKind('Service').metadata.name}:${ports[0]}`);
  expect(ofKind('Service').spec.selector).toEqual(ofKind('Job').spec.template.metadata.labels);
  const { podSelector, ingress } = ofKind('NetworkPolicy').spec;
  expect(podSelector.matchLabels).toEqual(ofKind('Service').spec.selector);
  expect(ingress[0]?.from[0]?.podSelector.matchLabels).toEqual(runner.metadata.labels);
  // What the Service offers is let in, each port from those who need it.
  expect(ingress.flatMap((rule) => rule.ports.map(({ port }) => String(port)))).toEqual(ports);
  for (const { from } of ingress) for (const { podSelector: who } of from) expect(who.matchLabels).not.toEqual({});
  const secrets = [...container.env, ...runner.env].flatMap(({ valueFrom }) =>
    valueFrom ? [valueFrom.secretKeyRef] : [],
  );
  const readme = readFileSync(path.join(KUBERNETES, 'README.md'), 'utf8');
  for (const { name, key } of secrets) {
    expect(readme).toContain(`create secret generic ${name} `);
    expect(readme).toContain(`--from-literal ${key}=`);
  }
  expect(readme).toContain(`create configmap ${script.configMap.name} --from-file ${script.configMap.file}`);
  expect(flags).toContain('--no-usage-report');
});

test('the container is one that the standard `restricted` admits, and writes into volumes only', () => {
  const pod = ofKind('Job').spec.template.spec;
  const [{ securityContext, volumeMounts, args }] = pod.containers;
  expect(pod).toMatchObject({
    automountServiceAccountToken: false,
    securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
  });
  expect(securityContext).toEqual({
    readOnlyRootFilesystem: true,
    allowPrivilegeEscalation: false,
    capabilities: { drop: ['ALL'] },
  });
  const mounted = volumeMounts.map(({ mountPath }) => mountPath);
  // The image's home, and with it the cache, is there, too.
  expect(readFileSync(path.join(KUBERNETES, '..', 'Dockerfile'), 'utf8')).toContain('ENV HOME=/tmp');
  const out = path.dirname(args[args.indexOf('--out') + 1] ?? '');
  expect(mounted).toEqual(expect.arrayContaining(['/tmp', out, '/dags']));
  expect(volumeMounts.map(({ name }) => name).toSorted()).toEqual(pod.volumes.map(({ name }) => name).toSorted());
});
