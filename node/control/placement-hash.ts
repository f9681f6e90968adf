import { hash } from 'node:crypto'
import type { ContextKey } from '../../base/ids.ts'

const hashed = new Map<string, ContextKey>()
const hashedMax = 65_536

/** SHA-256 of a text as a point of the key space. Placement asks for the same ones again and again. */
export function placementHash(text: string): ContextKey {
  const known = hashed.get(text)
  if (known !== undefined) return known
  if (hashed.size >= hashedMax) hashed.clear()
  const point = hash('sha256', text, 'hex') as ContextKey
  hashed.set(text, point)
  return point
}
