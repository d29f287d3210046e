import { type Defect, oneIn } from './defect.ts';

export const tokenRefusedAfterRefresh: Defect = {
  name: 'token-refused-after-refresh',
  summary: 'one refreshed token in five is not valid yet when it is handed out',
  story:
    'The server that refreshes tokens has a clock that is fast by a minute, and its peers check `nbf`. The worker ' +
    'drops its old token for one that is refused with 403, and a healthy task is lost.',
  caughtBy: ['tokens-keep-working'],
  scenario: 'crowd',
  change: (below) => ({
    refreshedClaims(claims) {
      const fresh = below.refreshedClaims(claims);
      return oneIn(5, claims.sub) ? { ...fresh, iat: fresh.iat + 60, nbf: fresh.nbf + 60, exp: fresh.exp + 60 } : fresh;
    },
  }),
};
