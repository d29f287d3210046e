import { ABSENT, ACCEPTED } from '../observation.ts';
import { BEFORE_3_3, type Difference, LINE_3_1 } from './difference.ts';

/** Routes, fields and words that a release does not have yet. */
export const answerDifferences: readonly Difference[] = [
  {
    releases: LINE_3_1,
    airflow: 'has no route to set the name of a map index: 404',
    reference: 'sets it',
    reason: 'The route came with 3.2.',
    cases: [
      { route: 'rendered-map-index', seen: { status: [404, 204], body: [{ detail: 'Not Found' }, ACCEPTED] } },
      { route: 'rendered-map-index', seen: { status: [404, 422], 'body.detail': ['Not Found', '*'] } },
      { route: 'rows', seen: { '*.rendered_map_index': [ABSENT, '*'] } },
    ],
  },
  {
    releases: BEFORE_3_3,
    airflow: 'answers 500 to a number that the column cannot hold',
    reference: 'answers 422',
    reason: "The database's complaints about values are answered as the client's fault since 3.3.",
    cases: [
      {
        dialogue: 'bad input/a pid beyond the column',
        seen: { status: [500, 422], 'body.detail': ['Database error occurred', '*'] },
      },
    ],
  },
  {
    releases: BEFORE_3_3,
    airflow: 'says "Not Found" of rendered fields for a task instance that is not there',
    reference: 'gives the reason not_found',
    reason: 'The same status in other words.',
    cases: [
      {
        route: 'rtif',
        seen: { 'body.detail': ['Not Found', { message: 'Task Instance not found', reason: 'not_found' }] },
      },
    ],
  },
  {
    releases: LINE_3_1,
    airflow: 'takes a body without a content type for JSON',
    reference: 'answers 422',
    reason: 'FastAPI became strict about that.',
    cases: [
      {
        dialogue: 'bad input/malformed JSON and other bodies',
        step: 'no content type',
        seen: { status: [200, 422], body: [ACCEPTED, { detail: ['body model_attributes_type'] }] },
      },
    ],
  },
  {
    releases: LINE_3_1,
    airflow: 'names the indexes of mapped upstream tasks, {} where there are none',
    reference: 'gives null to old protocol versions, and nothing to new ones',
    reason: 'The field went away with 3.2 (#60803).',
    cases: [
      { route: 'run', seen: { 'body.upstream_map_indexes': [{}, null] } },
      { route: 'run', seen: { 'body.upstream_map_indexes': [{}, ABSENT] } },
    ],
  },
  {
    releases: LINE_3_1,
    airflow: 'gives no note and no partition of the run',
    reference: 'gives both to protocol versions that have them',
    reason: 'They came with 3.2.',
    cases: [
      {
        route: 'run',
        seen: { 'body.dag_run.note': [ABSENT, null], 'body.dag_run.partition_key': [ABSENT, null] },
      },
    ],
  },
  {
    releases: BEFORE_3_3,
    airflow: 'gives no team and no partition date of the run',
    reference: 'gives both to protocol versions that have them',
    reason: 'They came with 3.3.',
    cases: [
      {
        route: 'run',
        seen: { 'body.dag_run.team_name': [ABSENT, null], 'body.dag_run.partition_date': [ABSENT, null] },
      },
    ],
  },
  {
    releases: LINE_3_1,
    airflow: "does not send a worker's correlation-id back",
    reference: 'sends it back',
    reason: 'It came with 3.2.',
    cases: [{ dialogue: 'versions/the correlation id comes back', seen: { '': [null, 'talk-1'] } }],
  },
  {
    releases: LINE_3_1,
    airflow: 'says of an unknown run what its XCom could not be set on, without quotes',
    reference: 'quotes the names',
    reason: 'The same status in other words.',
    cases: [
      {
        route: 'xcom',
        seen: {
          'body.detail': ['DAG run not found on DAG <dag> with ID *', "DAG run not found on DAG '<dag>' with ID '*'"],
        },
      },
    ],
  },
];
