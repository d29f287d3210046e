import { readFileSync } from 'node:fs';
import path from 'node:path';

import { parseAllDocuments } from 'yaml';

export const KUBERNETES = path.join(import.meta.dirname, '..', 'docker', 'kubernetes');

interface Named {
  readonly name: string;
  readonly valueFrom?: { readonly secretKeyRef: { readonly name: string; readonly key: string } };
  readonly value?: string;
}

type Labels = Readonly<Record<string, string>>;

/** What is read of the files, of whatever kind. */
export interface KubernetesObject {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly labels: Labels };
  readonly data: Readonly<Record<string, string>>;
  readonly spec: {
    readonly selector: Labels;
    readonly ports: readonly { readonly port: number }[];
    readonly template: {
      readonly metadata: { readonly labels: Labels };
      readonly spec: {
        readonly automountServiceAccountToken?: boolean;
        readonly securityContext: object;
        readonly containers: readonly [
          {
            readonly args: readonly string[];
            readonly env: readonly Named[];
            readonly securityContext: object;
            readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string }[];
          },
        ];
        readonly volumes: readonly { readonly name: string; readonly emptyDir?: object }[];
      };
    };
    readonly podSelector: { readonly matchLabels: Labels };
    readonly ingress: readonly {
      readonly from: readonly { readonly podSelector: { readonly matchLabels: Labels } }[];
      readonly ports: readonly [{ readonly port: number }];
    }[];
    readonly runner: { readonly env: readonly Named[]; readonly metadata: { readonly labels: Labels } };
    readonly script: { readonly configMap: { readonly name: string; readonly file: string } };
    readonly arguments: string;
  };
}

/** The one object of that kind in the files of docker/kubernetes/. */
export function ofKind(kind: string): KubernetesObject {
  const all = ['windtunnel.yaml', 'testrun.yaml'].flatMap((file) =>
    parseAllDocuments(readFileSync(path.join(KUBERNETES, file), 'utf8')).map((one) => one.toJS() as KubernetesObject),
  );
  const [found, ...more] = all.filter((document) => document.kind === kind);
  if (!found || more.length > 0) throw new Error(`there are ${more.length + (found ? 1 : 0)} of ${kind}`);
  return found;
}
