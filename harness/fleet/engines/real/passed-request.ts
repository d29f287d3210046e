import { recordIn } from '../../../model/json.ts';
import type { OperationKind } from '../../../model/operation.ts';

/** What a request of a real worker is, in the words of the table `operations`. */
export interface PassedRequest {
  readonly kind: OperationKind;
  readonly target?: string;
  readonly requested?: string;
}

const KINDS: readonly (readonly [method: string, route: RegExp, kind: OperationKind])[] = [
  ['PATCH', /^\/task-instances\/[^/]+\/run$/, 'run'],
  ['PUT', /^\/task-instances\/[^/]+\/heartbeat$/, 'heartbeat'],
  ['PATCH', /^\/task-instances\/[^/]+\/state$/, 'state'],
  ['PUT', /^\/task-instances\/[^/]+\/rtif$/, 'rtif'],
  ['PATCH', /^\/task-instances\/[^/]+\/skip-downstream$/, 'skip_downstream'],
  ['POST', /^\/xcoms\/[^/]+\/[^/]+\/[^/]+\/([^/?]+)$/, 'xcom_push'],
  ['POST', /^\/dag-runs\/([^/]+\/[^/]+)$/, 'trigger_run'],
  ['DELETE', /^\/xcoms\/[^/]+\/[^/]+\/[^/]+\/([^/?]+)$/, 'xcom_clear'],
];

/** `path` is the request's, below `/execution`, without its query. What has no kind of its own is `other`. */
export function passedRequest(method: string, path: string, text: string): PassedRequest {
  for (const [itsMethod, route, kind] of KINDS) {
    const found = method === itsMethod ? route.exec(path) : null;
    if (found) return { kind, ...namesIn(kind, found[1], text) };
  }
  return { kind: 'other', target: `${method} ${path.split('/')[1] ?? ''}` };
}

function namesIn(kind: OperationKind, key: string | undefined, text: string): Omit<PassedRequest, 'kind'> {
  const body = recordIn(text);
  switch (kind) {
    case 'run':
    case 'state':
      return typeof body.state === 'string' ? { requested: body.state } : {};
    case 'rtif':
      return { requested: text };
    case 'skip_downstream':
      return { target: taskIds(body.tasks).join(' ') };
    case 'xcom_push':
      return { target: decodeURIComponent(key ?? ''), requested: valueIn(text) };
    case 'trigger_run':
      return { target: decodeURIComponent(key ?? ''), requested: JSON.stringify(body.conf ?? {}) };
    case 'xcom_clear':
      return { target: decodeURIComponent(key ?? '') };
    default:
      return {};
  }
}

/** `["a", ["b", -1]]`: with and without a map index. */
function taskIds(tasks: unknown): string[] {
  if (!Array.isArray(tasks)) return [];
  return tasks.map((task: unknown) => String(Array.isArray(task) ? task[0] : task));
}

/** A text as it is, as a simulated life records it; any other value in JSON. */
function valueIn(text: string): string {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'string' ? value : text;
  } catch {
    return text;
  }
}
