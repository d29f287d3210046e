import type { Reply } from '../behaviour.ts';

/** Ends a request with this answer; what it has done so far is rolled back. FastAPI's HTTPException. */
export class Refusal extends Error {
  readonly reply: Reply;

  constructor(reply: Reply) {
    super(`answered ${reply.status}`);
    this.reply = reply;
  }

  static of(status: number, detail: unknown): Refusal {
    return new Refusal({ status, body: { detail } });
  }
}

/** The Execution API's way to say that something is not there. */
export function notFound(message: string): Refusal {
  return Refusal.of(404, { reason: 'not_found', message });
}
