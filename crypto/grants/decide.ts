import type { PeerId, RoleName } from '../../base/ids.ts'
import type { GrantChain } from './grant-chain.ts'
import { isPath, type Limits } from './grant-shape.ts'
import { hoursChangeAfter, hoursOpen } from './hours.ts'
import { addressFrom, networksHold } from './networks.ts'
import { type AdminOperation, type ContextOperation, covers } from './operations.ts'
import type { ProjectScope } from './project-scope.ts'
import { type Revocations, type RevokedBy, revokedBy } from './revocations.ts'

/**
 * What is asked for. A blind party sees neither path nor project: `claimedProject` is what the asker says, null when it
 * says nothing. Whether that is true, and whether the path is within the grant, can be said only by who sees the address.
 */
export type Target =
  | {
      readonly sight: 'open'
      readonly roles: readonly RoleName[]
      readonly project: ProjectScope
      /** Decoded segments, `/a/b`; the root of a project is `/`. */
      readonly path: string
    }
  | {
      readonly sight: 'blind'
      readonly roles: readonly RoleName[]
      readonly claimedProject: ProjectScope | null
    }

export type GrantRequest = {
  /** Who asks, as the handshake proved it. Never what the asker says. */
  readonly subject: PeerId
  /**
   * Address that it asks from; null when there is none to be seen. `notAsked`: whoever let the subject in has looked at
   * it, and what is judged here is a version that it wrote.
   */
  readonly address: string | null
} & (
  | { readonly operation: ContextOperation; readonly target: Target }
  /** `link`: to be connected at all. */
  | { readonly operation: AdminOperation | 'link'; readonly target: 'fleet' }
)

/** What decided, for `grant explain`. Each is checked in this order; the first that fails is named. */
export type Denial =
  | 'clock'
  | 'subject'
  | 'subjectKind'
  | 'issuedOutside'
  | 'lifetime'
  | RevokedBy
  | 'expired'
  | 'operations'
  | 'roles'
  | 'projects'
  | 'paths'
  | 'networks'
  | 'notYet'
  | 'hours'

/** What a blind party lets through for somebody else to look at. */
export type LeftToCheck = 'projects' | 'paths'

export type Verdict =
  | {
      readonly allowed: true
      readonly rule: 'granted'
      /** From this moment on the answer is another one, should no revocation come first. */
      readonly untilMs: number
      readonly leftToCheck: readonly LeftToCheck[]
    }
  | {
      readonly allowed: false
      readonly rule: Denial
      /** Whose limit it was. */
      readonly link: 'delegate' | 'grant'
      /** Only with `notYet` and `hours`: the same request is allowed then; not there when it never will be. */
      readonly opensAtMs?: number
    }

type Link = {
  readonly name: 'delegate' | 'grant'
  readonly notBeforeMs: number
  readonly expiresMs: number
  readonly limits: Limits
}
type Refusal = Extract<Verdict, { allowed: false }>

const windowsTriedMax = 64

/**
 * Whether a chain allows a request. Both links have to: a grant never gives what its delegate could not. Pure.
 * Hours cost some tens of calls of Intl, as they are looked ahead.
 *
 * @param nowMs - milliseconds since 1970.
 */
export function decide(
  chain: GrantChain,
  revocations: Revocations,
  request: GrantRequest,
  nowMs: number,
): Verdict {
  const { delegate, grant } = chain
  if (!Number.isSafeInteger(nowMs) || nowMs < 0) return denied('clock', 'grant')
  const links: readonly Link[] = [
    { ...delegate, name: 'delegate' },
    { ...grant, name: 'grant' },
  ]
  return (
    refusedByIssue(chain, request) ??
    refusedByRevocation(chain, revocations, nowMs) ??
    firstOf(links, link => (nowMs < link.expiresMs ? null : 'expired')) ??
    firstOf(links, ({ limits }) => refusedByLimits(limits, request)) ??
    refusedByTime(links, nowMs) ?? {
      allowed: true,
      rule: 'granted',
      untilMs: openUntil(links, nowMs),
      leftToCheck: leftToCheck(links, request),
    }
  )
}

/** Whether both links allow a request by what it is about; says nothing about time and revocations. A few microseconds. */
export const withinLimits = ({ delegate, grant }: GrantChain, request: GrantRequest): boolean =>
  request.subject === grant.subject &&
  [delegate, grant].every(({ limits }) => refusedByLimits(limits, request) === null)

// Every check below is written as what must hold, so that a missing or broken value is a denial.

function refusedByIssue({ delegate, grant }: GrantChain, request: GrantRequest): Refusal | null {
  if (request.subject !== grant.subject) return denied('subject', 'grant')
  if (!delegate.subjectKinds.includes(grant.subjectKind)) return denied('subjectKind', 'delegate')
  const { issuedAtMs, expiresMs } = grant
  if (!(issuedAtMs >= delegate.notBeforeMs && issuedAtMs < delegate.expiresMs)) {
    return denied('issuedOutside', 'delegate')
  }
  return expiresMs - issuedAtMs <= delegate.grantMsMax ? null : denied('lifetime', 'delegate')
}

function refusedByRevocation(
  { delegate, grant }: GrantChain,
  revocations: Revocations,
  nowMs: number,
): Refusal | null {
  const rule = revokedBy(revocations, delegate, grant, nowMs)
  if (rule === null) return null
  return denied(rule, rule === 'delegateRevoked' || rule === 'delegateCutOff' ? 'delegate' : 'grant')
}

function refusedByLimits(limits: Limits, { operation, target, address }: GrantRequest): Denial | null {
  if (operation !== 'link' && !covers(limits.operations, operation)) return 'operations'
  const onContext = target === 'fleet' ? null : refusedByTarget(limits, operation, target)
  if (onContext !== null) return onContext
  // An operation and what it is for belong together; the types say so, and what comes from a wire has none.
  if ((operation === 'link' || operation.startsWith('admin:')) !== (target === 'fleet')) return 'operations'
  if (limits.networks === 'any' || address === 'notAsked') return null
  const from = address === null ? null : addressFrom(address)
  return from !== null && networksHold(limits.networks, from) ? null : 'networks'
}

function refusedByTarget(
  { roles, projects, paths }: Limits,
  operation: GrantRequest['operation'],
  target: Target,
): Denial | null {
  if (!rolesFit(roles, operation, target.roles)) return 'roles'
  const project = target.sight === 'open' ? target.project : target.claimedProject
  if (projects !== 'any' && (project === null || !projects.includes(project))) return 'projects'
  if (paths === 'any' || target.sight === 'blind') return null
  const { path } = target
  return isPath(path) && paths.some(prefix => isWithin(prefix, path)) ? null : 'paths'
}

/**
 * Who reads acts for one of the roles of a context; who writes puts it before all of them, and needs every one. A
 * tombstone names no roles: who is granted none deletes nothing.
 */
function rolesFit(
  granted: Limits['roles'],
  operation: GrantRequest['operation'],
  roles: readonly RoleName[],
): boolean {
  const fits = (role: RoleName) => granted === 'any' || granted.includes(role)
  if (operation === 'delete' && roles.length === 0) return granted === 'any' || granted.length > 0
  if (operation === 'write' || operation === 'delete') return roles.length > 0 && roles.every(fits)
  return roles.some(fits)
}

const isWithin = (prefix: string, path: string): boolean =>
  prefix === '/' || path === prefix || path.startsWith(`${prefix}/`)

function leftToCheck(links: readonly Link[], { target }: GrantRequest): LeftToCheck[] {
  if (target === 'fleet' || target.sight === 'open') return []
  return (['projects', 'paths'] as const).filter(what => links.some(({ limits }) => limits[what] !== 'any'))
}

function refusedByTime(links: readonly Link[], nowMs: number): Refusal | null {
  const refusal =
    firstOf(links, ({ notBeforeMs }) => (nowMs >= notBeforeMs ? null : 'notYet')) ??
    firstOf(links, link => (isOpen(link, nowMs) ? null : 'hours'))
  if (refusal === null) return null
  const opensAtMs = opensAfter(links, nowMs)
  return opensAtMs === null ? refusal : { ...refusal, opensAtMs }
}

const isOpen = ({ limits: { hours } }: Link, atMs: number): boolean =>
  hours === 'any' || hoursOpen(hours, atMs)

/** Goes from opening to opening until all are open at once. */
function opensAfter(links: readonly Link[], nowMs: number): number | null {
  const endMs = Math.min(...links.map(({ expiresMs }) => expiresMs))
  let at = Math.max(nowMs, ...links.map(({ notBeforeMs }) => notBeforeMs))
  for (let tried = 0; tried < windowsTriedMax && at < endMs; tried++) {
    const closed = links.find(link => !isOpen(link, at))
    if (closed === undefined) return at
    const next = changeAfter(closed, at)
    if (next === null) return null
    at = next
  }
  return null
}

const openUntil = (links: readonly Link[], nowMs: number): number =>
  Math.min(...links.map(link => Math.min(link.expiresMs, changeAfter(link, nowMs) ?? link.expiresMs)))

const changeAfter = ({ limits: { hours } }: Link, atMs: number): number | null =>
  hours === 'any' ? null : hoursChangeAfter(hours, atMs)

function firstOf(links: readonly Link[], rule: (link: Link) => Denial | null): Refusal | null {
  for (const link of links) {
    const broken = rule(link)
    if (broken !== null) return denied(broken, link.name)
  }
  return null
}

const denied = (rule: Denial, link: 'delegate' | 'grant'): Refusal => ({ allowed: false, rule, link })
