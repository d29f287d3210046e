import { SignJWT } from 'jose';

/**
 * A token for the public API, as the simple auth manager would give it to an admin; other auth managers accept it if
 * they share the secret. It is good for a day.
 */
export function mintPublicToken(jwtSecret: string, user: string): Promise<string> {
  return new SignJWT({ role: 'ADMIN', teams: null })
    .setProtectedHeader({ alg: 'HS512' })
    .setSubject(user)
    .setAudience('apache-airflow')
    .setIssuedAt()
    .setNotBefore('0s')
    .setExpirationTime('24h')
    .sign(new TextEncoder().encode(jwtSecret));
}
