import { createHash, timingSafeEqual } from 'node:crypto'

const digest = (text: string) => createHash('sha256').update(text).digest()

/** Compares bearer tokens in a time that says nothing about where they differ. */
export function tokenGuard(token: string): (authorization: string | undefined) => boolean {
  const expected = digest(token)
  return authorization => {
    const given = /^Bearer +([\x21-\x7e]{1,512})$/i.exec(authorization ?? '')?.[1]
    return timingSafeEqual(digest(given ?? ''), expected) && given !== undefined
  }
}
