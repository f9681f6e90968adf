import type { FleetId, PeerId } from '../../base/ids.ts'
import type { Authority } from '../authority.ts'
import { sha256Hex } from '../digest.ts'
import type { SigningKey } from '../signing-key.ts'
import { newGrantId, signDelegate, signGrant } from './grant-chain.ts'
import {
  type Delegate,
  delegateMsMax,
  type Grant,
  type GrantId,
  grantMsMax,
  type Limits,
} from './grant-shape.ts'

/** Clocks of peers differ a little: who is granted something now may show it to one whose clock is behind. */
export const grantSlackMs = 60_000

const operations: Limits['operations'] = ['admin:*', 'delete', 'history', 'read', 'search', 'write']
const anywhere = { operations, projects: 'any', paths: 'any', networks: 'any', hours: 'any' } as const

export type Validity = Pick<Grant, 'issuedAtMs' | 'notBeforeMs' | 'expiresMs'>

/**
 * The life of a grant that is given now: it is signed as of a minute before, as certificates are. Whoever is shown it at once may
 * have a clock that is behind that of the issuer, and would refuse it as not begun. Never from before the key that signs it may
 * sign, nor longer than a grant may be valid.
 *
 * @param ttlMs - from now on.
 * @param notFromBeforeMs - what was issued before is not counted any more; 0: there is no such moment.
 */
export function validFrom(
  issuer: Pick<Delegate, 'notBeforeMs' | 'expiresMs'>,
  nowMs: number,
  ttlMs: number,
  notFromBeforeMs = 0,
): Validity {
  const fromMs = Math.max(0, issuer.notBeforeMs, notFromBeforeMs, nowMs - grantSlackMs)
  const expiresMs = Math.min(nowMs + ttlMs, fromMs + grantMsMax, issuer.expiresMs)
  return { issuedAtMs: fromMs, notBeforeMs: fromMs, expiresMs }
}

/** What a member is granted by itself. One without roles keeps what others sealed and takes part in running the fleet. */
export const memberLimits = (holdsRoles: boolean): Limits => ({
  ...anywhere,
  roles: holdsRoles ? 'any' : [],
})

/**
 * The id of every grant that a peer is given for being a member. It is the same in each renewal: whoever revokes it
 * revokes also what a peer that has not heard of it signs.
 */
export const membershipIdOf = (fleet: FleetId, peer: PeerId): GrantId =>
  sha256Hex(`slurp/v1/grant of a member\0${fleet}\0${peer}`).slice(0, 32) as GrantId

/**
 * The certificate of the key that signs the grants of a fleet from day to day, for as long as one may be valid. What was
 * signed before under an earlier one goes on by that one.
 *
 * @param more.id - of the certificate that this one continues, for the same key.
 * @param more.signs - left out: grants of members and of agents. `members`: of members that hold no role, so that who has
 * the key can give nobody a role. `agents`: of agents only.
 * @param more.grantlessBeforeMs - versions from before count without a grant; 0 for a fleet that always had them.
 */
export const certify = (
  authority: Authority,
  publicKey: Uint8Array,
  nowMs: number,
  more: {
    readonly id?: GrantId
    readonly grantlessBeforeMs?: number
    readonly signs?: 'members' | 'agents'
  } = {},
): Promise<string> => {
  const issuedAtMs = nowMs - grantSlackMs
  return signDelegate(authority, {
    id: more.id ?? newGrantId(),
    publicKey: Buffer.from(publicKey).toString('hex'),
    issuedAtMs,
    notBeforeMs: issuedAtMs,
    expiresMs: issuedAtMs + delegateMsMax,
    subjectKinds:
      more.signs === undefined ? ['agent', 'peer'] : [more.signs === 'members' ? 'peer' : 'agent'],
    grantMsMax,
    grantlessBeforeMs: more.grantlessBeforeMs ?? 0,
    limits: { ...anywhere, roles: more.signs === 'members' ? [] : 'any' },
  })
}

export type Membership = {
  readonly peer: PeerId
  readonly name: string
  readonly limits: Limits
  /** `membershipIdOf`, or that of the grant which is renewed. */
  readonly id: GrantId
}

/**
 * Signs what a member shows to the others, or an agent.
 *
 * @param from - its life; a moment stands for all that a grant given then may last.
 */
export const signMembership = (
  key: SigningKey,
  issuer: Pick<Delegate, 'id' | 'fleet' | 'notBeforeMs' | 'expiresMs'>,
  { peer, name, limits, id }: Membership,
  from: number | Validity,
  subjectKind: 'peer' | 'agent' = 'peer',
): Promise<string> =>
  signGrant(key, issuer, {
    id,
    subjectKind,
    subject: peer,
    name,
    bearer: null,
    ...(typeof from === 'number' ? validFrom(issuer, from, grantMsMax) : from),
    limits,
  })
