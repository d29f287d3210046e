import { ABSENT, ACCEPTED } from '../observation.ts';
import { BEFORE_3_2_2, BEFORE_3_3, type Difference, inOtherWords, LINE_3_1 } from './difference.ts';

const NOT_ALLOWED = "Token type 'workload' not allowed for this endpoint. Allowed types: execution";
const FRESH = { aud: 'urn:airflow.apache.org:task', scope: 'execution', sub: 'the same' };
const NOT_STARTED = {
  current_hostname: '',
  current_pid: null,
  message: 'TI is already running elsewhere',
  reason: 'running_elsewhere',
};

export const tokenDifferences: readonly Difference[] = [
  {
    releases: BEFORE_3_2_2,
    airflow: 'gives the worker a token without a scope, which opens every route from the first request on',
    reference: 'gives one that opens /run only, where it is exchanged',
    reason: 'The two tokens came with 3.2.2 (#60108).',
    cases: [
      { route: 'run', seen: { refreshed: [ABSENT, FRESH] } },
      {
        dialogue: 'tokens/the one that the scheduler sent',
        step: 'heartbeat',
        seen: { status: [409, 403], 'body.detail': [NOT_STARTED, NOT_ALLOWED] },
      },
      {
        dialogue: 'tokens/the one that the scheduler sent',
        step: 'heartbeat after the start',
        seen: { status: [204, 403], body: [ACCEPTED, { detail: NOT_ALLOWED }] },
      },
      {
        dialogue: 'tokens/the one that the scheduler sent',
        step: 'xcom',
        seen: { status: [201, 403], body: [ACCEPTED, { detail: NOT_ALLOWED }] },
      },
    ],
  },
  {
    releases: ['3.2.1'],
    airflow: 'knows the scope workload, and lets it in nowhere',
    reference: 'lets it in at /run',
    reason: 'No route asks for it before 3.2.2 (#60108).',
    cases: [
      {
        dialogue: 'tokens/scopes',
        route: 'run',
        seen: { status: [403, 200], body: [{ detail: NOT_ALLOWED }, ACCEPTED] },
      },
    ],
  },
  {
    releases: LINE_3_1,
    airflow: 'does not look at the scope of a token',
    reference: 'refuses a wrong one with 403',
    reason: 'Scopes came with 3.2 (#62582).',
    cases: [
      {
        dialogue: 'tokens/scopes',
        step: 'nonsense',
        seen: {
          status: [200, 403],
          body: [ACCEPTED, { detail: 'Invalid auth token: 1 validation error for TIClaims' }],
        },
      },
      { seen: { status: [204, 403], body: [ACCEPTED, { detail: NOT_ALLOWED }] } },
      { seen: { status: [201, 403], body: [ACCEPTED, { detail: NOT_ALLOWED }] } },
      { seen: { status: [200, 403], body: [ACCEPTED, { detail: NOT_ALLOWED }] } },
      {
        dialogue: 'tokens/scopes',
        route: 'variable',
        seen: {
          status: [404, 403],
          'body.detail': [{ message: "Variable with key 'wt_none' not found", reason: 'not_found' }, NOT_ALLOWED],
        },
      },
      { seen: { status: [422, 403], 'body.detail': [['*'], NOT_ALLOWED] } },
      {
        // A write with such a token, among random requests.
        dialogue: 'fuzz 47',
        route: 'rows',
        seen: { 'self.rtif': [{ bash_command: 'echo 2', env: { A: 'b' } }, ABSENT] },
      },
    ],
  },
  {
    releases: BEFORE_3_3,
    airflow: 'says what is wrong with a token',
    reference: 'says only that it is invalid',
    reason: 'The same status in other words: since 3.3 nothing is given away.',
    cases: inOtherWords(
      'body.detail',
      ['Invalid auth token: Signature has expired', 'Invalid auth token'],
      ['Invalid auth token: Token is missing the "*" claim', 'Invalid auth token'],
      ['Invalid auth token: Not enough segments', 'Invalid auth token'],
      ["Invalid auth token: Audience doesn't match", 'Invalid auth token'],
      ['Invalid auth token: Signature verification failed', 'Invalid auth token'],
    ),
  },
  {
    releases: ['3.2.1'],
    airflow: 'names the scope that there is not',
    reference: 'says that a claim is not as it should be',
    reason: 'The same status in other words.',
    cases: inOtherWords('body.detail', [
      'Invalid token scope: nonsense',
      'Invalid auth token: 1 validation error for TIClaims',
    ]),
  },
  {
    releases: LINE_3_1,
    airflow: 'says that the subject is an invalid claim',
    reference: 'says that it is not the task instance',
    reason: 'The same status in other words.',
    cases: inOtherWords('body.detail', [
      'Invalid auth token: Invalid claim: sub',
      'Token subject does not match task instance ID',
    ]),
  },
  {
    releases: LINE_3_1,
    airflow: 'answers 403 to a token without a subject, or with one that is no id',
    reference: 'answers 500, as 3.2.1 and later do',
    reason: 'The claims are read outside of what turns an error into 403 since 3.2.',
    cases: [
      {
        seen: {
          status: [403, 500],
          'body.detail': ['Invalid auth token: *', ABSENT],
          'body.message': [ABSENT, 'Internal server error'],
        },
      },
    ],
  },
  {
    releases: BEFORE_3_3,
    airflow: 'lets a worker ask when another task instance was first rescheduled',
    reference: 'answers 403',
    reason: 'The token must be that of the task instance since 3.3.',
    cases: [
      {
        dialogue: 'queries/start of the first reschedule',
        step: 'unknown',
        seen: {
          status: [200, 403],
          body: [ACCEPTED, { detail: 'Token subject does not match task instance ID' }],
        },
      },
    ],
  },
  {
    releases: LINE_3_1,
    airflow: 'refuses a user without a token',
    reference: 'lets everyone in as an admin, as it is configured',
    reason: 'The simple auth manager with all users admins wants no token since 3.2.',
    cases: [
      {
        dialogue: 'trigger/what is not there, and bad bodies',
        step: 'no token',
        seen: { status: [401, 200], body: [{ detail: 'Not authenticated' }, ACCEPTED] },
      },
      {
        dialogue: 'trigger/what is not there, and bad bodies',
        step: 'after',
        seen: {
          runs: [[], [{ run_id: 'manual__<time>', run_type: 'manual', state: 'queued', task_instances: 1 }]],
        },
      },
    ],
  },
];
