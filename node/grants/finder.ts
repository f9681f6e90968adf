import type { RoleName } from '../../base/ids.ts'
import { type GrantRequest, withinLimits } from '../../crypto/grants/decide.ts'
import type { GrantChain } from '../../crypto/grants/grant-chain.ts'
import type { ProjectScope } from '../../crypto/grants/project-scope.ts'
import type { Finder } from '../store/catalogue/finder.ts'
import { namesOf, placeAt } from './guarded-store.ts'

export type FinderParts = {
  /** The grant of the caller, as it is now. */
  readonly chain: () => GrantChain
  /** @throws SlurpError SEALED. */
  readonly scopeOf: (project: string) => ProjectScope
  /** @throws SlurpError GRANT_DENIED, also for time, network and revocation. */
  readonly decide: (asked: Pick<GrantRequest, 'operation' | 'target'>) => void
}

const operation = 'search'

/** What the holder of a grant may find: that of its projects, below its paths, for one of its roles. */
export function finderOf({ chain, scopeOf, decide }: FinderParts): Finder {
  const links = () => [chain().delegate.limits, chain().grant.limits]
  const isUnbound = (what: 'projects' | 'paths' | 'roles') => links().every(limits => limits[what] === 'any')
  const targetOf = (project: string, path: string, roles: readonly RoleName[]) =>
    ({ sight: 'open', roles, path, project: scopeOf(project) }) as const
  return {
    check(role) {
      const lists = links().flatMap(({ roles }) => (roles === 'any' ? [] : [roles]))
      const [first = ['any']] = lists
      const asked = role === undefined ? first : [role]
      const [projects] = links().flatMap(limits => (limits.projects === 'any' ? [] : [limits.projects]))
      const target = {
        sight: 'blind',
        roles: asked as RoleName[],
        claimedProject: projects?.[0] ?? null,
      } as const
      decide({ operation, target })
    },
    // Time, network and revocation hold for the whole answer: `check` has looked at them.
    sees({ address, roles }) {
      if (isUnbound('projects') && isUnbound('paths') && isUnbound('roles')) return true
      const { project, path } = placeAt(address)
      const target = targetOf(project, path, roles as RoleName[])
      const { subject } = chain().grant
      return withinLimits(chain(), { subject, address: 'notAsked', operation, target })
    },
    seesRoles(roles) {
      if (!isUnbound('projects') || !isUnbound('paths')) return null
      return links().every(
        limits => limits.roles === 'any' || roles.some(each => limits.roles.includes(each as RoleName)),
      )
    },
    gate(address, sealedTo) {
      const { project, path } = placeAt(address)
      const [first] = links().flatMap(({ roles }) => (roles === 'any' ? [] : [roles]))
      const roles = sealedTo === null ? (first ?? (['any'] as RoleName[])) : namesOf(sealedTo)
      decide({ operation, target: targetOf(project, path, roles) })
    },
  }
}
