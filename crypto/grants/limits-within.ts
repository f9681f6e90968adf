import type { Limits } from './grant-shape.ts'
import { networkStart, networksHold } from './networks.ts'
import { covers } from './operations.ts'

/**
 * The first limit of `inner` that goes beyond `outer`; null when there is none. Who hands rights on hands on no more than
 * it has. Hours are compared as they are written, as two sets of windows cannot be in general.
 */
export function wider(inner: Limits, outer: Limits): keyof Limits | null {
  const operations = inner.operations.every(each =>
    each === 'admin:*' ? outer.operations.includes(each) : covers(outer.operations, each),
  )
  if (!operations) return 'operations'
  if (!isSubset(inner.roles, outer.roles)) return 'roles'
  if (!isSubset(inner.projects, outer.projects)) return 'projects'
  if (!isCovered(inner.paths, outer.paths, isBelow)) return 'paths'
  if (!isCovered(inner.networks, outer.networks, isPartOf)) return 'networks'
  if (outer.hours !== 'any' && JSON.stringify(inner.hours) !== JSON.stringify(outer.hours)) return 'hours'
  return null
}

const isSubset = (inner: 'any' | readonly string[], outer: 'any' | readonly string[]): boolean =>
  isCovered(inner, outer, (one, other) => one === other)

const isCovered = (
  inner: 'any' | readonly string[],
  outer: 'any' | readonly string[],
  isIn: (one: string, other: string) => boolean,
): boolean =>
  outer === 'any' || (inner !== 'any' && inner.every(one => outer.some(other => isIn(one, other))))

const isBelow = (path: string, prefix: string): boolean =>
  prefix === '/' || path === prefix || path.startsWith(`${prefix}/`)

const prefixOf = (network: string): number => Number(network.slice(network.indexOf('/') + 1))
const isPartOf = (network: string, other: string): boolean =>
  prefixOf(network) >= prefixOf(other) && networksHold([other], networkStart(network))
