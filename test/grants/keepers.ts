import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import type { PeerId } from '../../base/ids.ts'
import type { Authority } from '../../crypto/authority.ts'
import { encodeGrantFile, joinChain } from '../../crypto/grants/chain-text.ts'
import { newDelegateKey } from '../../crypto/grants/delegate-key.ts'
import { newGrantId, openDelegate, signGrant } from '../../crypto/grants/grant-chain.ts'
import type { Delegate, Grant } from '../../crypto/grants/grant-shape.ts'
import { certify, memberLimits, membershipIdOf, signMembership } from '../../crypto/grants/membership.ts'
import type { Identity } from '../../crypto/identity.ts'
import type { SigningKey } from '../../crypto/signing-key.ts'
import { GrantKeeper } from '../../node/grants/grant-keeper.ts'
import { SharedSigningKey } from '../../node/grants/shared-signing-key.ts'
import type { Log } from '../../node/running-peer.ts'
import { newIdentity } from '../crypto/fixtures.ts'
import { newAuthority } from '../crypto/grants/fixtures.ts'

export const dayMs = 86_400_000
const unheard = () => undefined
const quiet: Log = { debug: unheard, info: unheard, warn: unheard, error: unheard }

export type Member = { identity: Identity; keeper: GrantKeeper; dir: string }
export type Keepers = {
  authority: Authority
  key: SigningKey
  delegate: Delegate
  certificate: string
  members: Member[]
  clock: { nowMs: number }
  /** Who is a member for `nameOf`; may be changed. */
  names: Map<PeerId, string>
  /** A chain for anybody, signed by the delegate unless another key and certificate are given. */
  chain(
    grant: Partial<Grant> & { subject: PeerId },
    by?: { key: SigningKey; delegate: Delegate; certificate: string },
  ): Promise<string>
}

/** Keepers of members that ask each other directly; the last of them is blind: it cannot sign. All share one clock. */
export async function newKeepers(t: TestContext, count: number): Promise<Keepers> {
  const work = mkdtempSync(join(tmpdir(), 'slurp-grants-'))
  t.after(() => rmSync(work, { recursive: true, force: true }))
  const authority = await newAuthority()
  const key = await newDelegateKey()
  const clock = { nowMs: Date.UTC(2026, 6, 1, 12) }
  const certificate = await certify(authority, key.publicKey, clock.nowMs)
  const delegate = await openDelegate(certificate, authority.publicKey)
  const names = new Map<PeerId, string>()
  const members: Member[] = []
  for (let place = 0; place < count; place++) {
    const identity = await newIdentity()
    const isBlind = place === count - 1
    const dir = join(work, `p${place + 1}`)
    mkdirSync(dir)
    const peer = identity.peerId
    names.set(peer, `p${place + 1}`)
    const id = membershipIdOf(authority.fleet, peer)
    const asked = { peer, name: names.get(peer)!, limits: memberLimits(!isBlind), id }
    const grant = await signMembership(key, delegate, asked, clock.nowMs)
    writeFileSync(join(dir, 'grant.json'), encodeGrantFile({ delegate: certificate, grant }))
    const secret = isBlind ? null : key.seed()
    members.push({ identity, dir, keeper: await openKeeper(dir, identity, authority, names, clock, secret) })
  }
  for (const { identity, keeper } of members) {
    keeper.connect({
      peers: () => members.map(each => each.identity.peerId).filter(peer => peer !== identity.peerId),
      ask: async (peer, message) => {
        const other = members.find(each => each.identity.peerId === peer)!
        return (await other.keeper.sync.answer(identity.peerId, message))!
      },
    })
  }
  const own = { key, delegate, certificate }
  const chain: Keepers['chain'] = async (grant, by = own) => {
    const whole = {
      id: newGrantId(),
      subjectKind: 'peer',
      name: 'somebody',
      bearer: null,
      issuedAtMs: clock.nowMs,
      notBeforeMs: clock.nowMs,
      expiresMs: clock.nowMs + 7 * dayMs,
      limits: memberLimits(true),
      ...grant,
    } as const
    return joinChain({ delegate: by.certificate, grant: await signGrant(by.key, by.delegate, whole) })
  }
  return { authority, key, delegate, certificate, members, clock, names, chain }
}

/** @param secret - of the key that signs grants, as if it had been collected; null: it is not open here. */
export function openKeeper(
  dir: string,
  identity: Identity,
  authority: Authority,
  names: Map<PeerId, string>,
  clock: { nowMs: number },
  secret: Uint8Array | null = null,
): Promise<GrantKeeper> {
  const key = new SharedSigningKey()
  key.follow(() => secret)
  return GrantKeeper.open({
    dir,
    identity,
    fleet: authority.fleet,
    authorityPublicKey: authority.publicKey,
    nameOf: peer => names.get(peer) ?? null,
    key,
    time: () => ({ isKnown: true, wallMs: () => clock.nowMs }),
    log: quiet,
  })
}
