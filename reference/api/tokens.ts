import type { webcrypto } from 'node:crypto';

import { errors, jwtVerify, SignJWT } from 'jose';

import type { Claims } from '../behaviour.ts';

const ALGORITHM = 'HS512';
/** [api_auth] jwt_leeway. */
const LEEWAY_S = 10;
/** Tokens that are held as verified; the oldest go first. A worker has one or two, and lives for seconds. */
const REMEMBERED = 20_000;

export type Refused = 'expired' | 'invalid';

/**
 * Signs and verifies tokens of one audience. What was verified once is remembered, so that a worker's hundred requests
 * cost one verification; when a token ends is looked at each time.
 */
export class Tokens {
  /** Imported once: jose would do it again for every token. */
  readonly #key: Promise<webcrypto.CryptoKey>;
  readonly #audience: string;
  readonly #required: readonly string[];
  readonly #verified = new Map<string, Claims>();

  constructor(options: { readonly secret: string; readonly audience: string; readonly required: readonly string[] }) {
    const secret = new TextEncoder().encode(options.secret);
    const hmac = { name: 'HMAC', hash: 'SHA-512' };
    this.#key = crypto.subtle.importKey('raw', secret, hmac, false, ['sign', 'verify']);
    this.#audience = options.audience;
    this.#required = options.required;
  }

  async verify(token: string): Promise<Claims | Refused> {
    const known = this.#verified.get(token);
    if (known) return secondsNow() < known.exp + LEEWAY_S ? known : 'expired';
    try {
      const { payload } = await jwtVerify(token, await this.#key, {
        algorithms: [ALGORITHM],
        audience: this.#audience,
        requiredClaims: [...this.#required],
        clockTolerance: LEEWAY_S,
      });
      if (typeof payload.iat !== 'number' || payload.iat > secondsNow() + LEEWAY_S) return 'invalid';
      const claims = payload as Claims & typeof payload;
      this.#remember(token, claims);
      return claims;
    } catch (error) {
      return error instanceof errors.JWTExpired ? 'expired' : 'invalid';
    }
  }

  /** The claims as a token of this audience. */
  async issue(claims: Readonly<Record<string, unknown>>): Promise<string> {
    return new SignJWT({ jti: crypto.randomUUID().replaceAll('-', ''), ...claims, aud: this.#audience })
      .setProtectedHeader({ alg: ALGORITHM, kid: 'not-used', typ: 'JWT' })
      .sign(await this.#key);
  }

  #remember(token: string, claims: Claims): void {
    this.#verified.set(token, claims);
    if (this.#verified.size <= REMEMBERED) return;
    for (const oldest of this.#verified.keys()) {
      this.#verified.delete(oldest);
      return;
    }
  }
}

export function secondsNow(): number {
  return Math.floor(Date.now() / 1000);
}

/** The token of `Authorization: Bearer …`; undefined without one. */
export function bearer(header: string | undefined): string | undefined {
  return /^bearer\s+(.+)$/i.exec(header ?? '')?.[1];
}
