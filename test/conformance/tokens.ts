import { SignJWT } from 'jose';

export interface TokenSpec {
  readonly sub: string;
  readonly audience?: string;
  readonly scope?: string;
  /** Seconds from now; negative for one that is over. */
  readonly expiresIn?: number;
  readonly secret?: string;
  /** Leaves the claim out. */
  readonly without?: 'exp' | 'iat' | 'sub' | 'aud';
}

const AUDIENCE = 'urn:airflow.apache.org:task';
/** Longer than a whole play of all dialogues, so that no answer carries a refreshed token. */
const LIFETIME_S = 3_600;

/** A worker's token as a scheduler would sign it, with one thing wrong if the dialogue wants that. */
export function mintToken(secret: string, spec: TokenSpec): Promise<string> {
  const now = Math.floor(Date.now() / 1000);
  const claims: Record<string, unknown> = {
    sub: spec.sub,
    aud: spec.audience ?? AUDIENCE,
    iat: now - 60,
    nbf: now - 60,
    exp: now + (spec.expiresIn ?? LIFETIME_S),
    ...(spec.scope === undefined ? {} : { scope: spec.scope }),
  };
  if (spec.without !== undefined) delete claims[spec.without];
  const key = new TextEncoder().encode(spec.secret ?? secret);
  return new SignJWT(claims).setProtectedHeader({ alg: 'HS512', kid: 'not-used' }).sign(key);
}
