import { timingSafeEqual } from 'node:crypto'

/** Compares bearer tokens in a time that says nothing about where they differ; their length is no secret. */
export function tokenGuard(token: string): (authorization: string | undefined) => boolean {
  const expected = Buffer.from(token)
  return authorization => {
    const given = /^Bearer +([\x21-\x7e]{1,512})$/i.exec(authorization ?? '')?.[1]
    if (given === undefined) return false
    const bytes = Buffer.from(given)
    return bytes.length === expected.length && timingSafeEqual(bytes, expected)
  }
}
