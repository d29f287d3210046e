import type { Defect } from './defect.ts';

export const lostCommitAcknowledged: Defect = {
  name: 'lost-commit-acknowledged',
  summary: 'a request whose COMMIT never reached the database is answered as if it had',
  story:
    'The handler takes an error at COMMIT for a broken connection that no longer matters, as if the work were done. ' +
    'The worker gets 204 and ends; its task stays RUNNING until the heartbeat time-out, and runs again.',
  caughtBy: ['acknowledged-is-durable'],
  scenario: 'mishaps',
  durationS: 60,
  faults: 'lost-commit:api-execution',
  change: (below) => ({
    async conclude(tx, request) {
      await below.conclude(tx, request).catch((error: unknown) => {
        if (request.kind !== 'state' || !(error instanceof Error) || !/terminated|ECONN|EPIPE/.test(error.message))
          throw error;
      });
    },
  }),
};
