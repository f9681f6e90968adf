import { timingSafeEqual } from 'node:crypto'

/** What an authorization header carries; null where it is no bearer token. */
export const bearerFrom = (authorization: string | undefined): string | null =>
  /^Bearer +([\x21-\x7e]{1,512})$/i.exec(authorization ?? '')?.[1] ?? null

/** Compares bearer tokens in a time that says nothing about where they differ; their length is no secret. */
export function tokenGuard(token: string): (given: string) => boolean {
  const expected = Buffer.from(token)
  return given => {
    const bytes = Buffer.from(given)
    return bytes.length === expected.length && timingSafeEqual(bytes, expected)
  }
}
