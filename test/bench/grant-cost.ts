import { performance } from 'node:perf_hooks'
import { bootTag, hlcFrom } from '../../base/hlc.ts'
import type { ContextKey, Digest, RoleName } from '../../base/ids.ts'
import { sealEnvelope } from '../../crypto/envelope.ts'
import { decodeEnvelope } from '../../crypto/envelope-codec.ts'
import type { GrantId, Limits } from '../../crypto/grants/grant-shape.ts'
import { memberLimits } from '../../crypto/grants/membership.ts'
import { projectScopeOf } from '../../crypto/grants/project-scope.ts'
import { clockTagOf } from '../../crypto/identity.ts'
import { isSignedWith, peerKeyOf } from '../../crypto/peer-keys.ts'
import { newRoleKey } from '../../crypto/roles.ts'
import { signingBytes } from '../../crypto/verified-envelopes.ts'
import { bearerOf, RightsDesk } from '../../node/grants/rights-desk.ts'
import { newKeepers } from '../grants/keepers.ts'
import { median } from './sealing.ts'

const rounds = 2_000
const warmUps = 500
const replicas = 3
const fleetSecret = new Uint8Array(32).fill(7)
const role = newRoleKey('developer' as RoleName)
const reader = { name: role.name, keyVersion: 1, recipient: role.identity.recipient.text }
const address = 'ucxl://any:any@shop:any/*^/orders/1'
const plaintext = Buffer.alloc(4_096, 'a line of a context, ')

/** Microseconds of one put; medians. */
export type GrantCost = {
  readonly name: string
  /** Sealing, signing, and three checks of the signature: no network and no disk. */
  readonly putUs: number
  /** The question of the door, and the look at the envelope by the coordinator and three replicas. */
  readonly checksUs: number
}

type Keepers = Awaited<ReturnType<typeof newKeepers>>
type Bench = Pick<Keepers['members'][number], 'keeper' | 'identity'> & { readonly fleet: Keepers }

const wide = memberLimits(true)
const narrow: Limits = {
  ...wide,
  operations: ['write'],
  roles: [role.name],
  projects: [projectScopeOf(fleetSecret, 'shop')],
  paths: ['/orders'],
  networks: ['10.0.0.0/8'],
}
const hours = {
  zone: 'Europe/Berlin',
  windows: [{ days: [1, 2, 3, 4, 5, 6, 7], from: '00:00', to: '24:00' }],
}

/** What grants add to a put, by what the grant is held to. */
export async function measureGrants(): Promise<GrantCost[]> {
  const cleanUps: (() => void)[] = []
  const fleet = await newKeepers({ after: (run: () => void) => cleanUps.push(run) } as never, 2)
  const { keeper, identity } = fleet.members[0]!
  const bench = { fleet, keeper, identity }
  try {
    const costs = [
      await measure(bench, 'of everything', wide),
      await measure(bench, 'held to role, project, path and network', narrow),
      await measure(bench, 'and to hours', { ...narrow, hours }),
    ]
    for (let place = 0; place < 100; place++) await revokeOne(bench, place)
    return [...costs, await measure(bench, 'with 100 grants revoked', narrow)]
  } finally {
    for (const cleanUp of cleanUps) cleanUp()
  }
}

async function revokeOne({ fleet, keeper }: Bench, place: number): Promise<void> {
  const id = place.toString(16).padStart(32, '0') as GrantId
  const grant = { ...keeper.own!, grant: { ...keeper.own!.grant, id } }
  await keeper.revocations.learn(await keeper.signer.revoke(grant as never, fleet.clock.nowMs))
}

async function measure({ fleet, keeper, identity }: Bench, name: string, limits: Limits): Promise<GrantCost> {
  const text = await fleet.chain({
    subject: identity.peerId,
    subjectKind: 'agent',
    bearer: bearerOf(name),
    limits,
  })
  await keeper.grants.learn(text)
  const { grantHash } = await keeper.grants.prove(text)
  const store = { storeContext: async () => null }
  const desk = new RightsDesk({
    keeper,
    store: store as never,
    catalogue: {} as never,
    keys: { fleetSecret, heldRoles: [role.name] },
  })
  const withGrants: number[] = []
  const without: number[] = []
  for (let round = 0; round < warmUps + rounds; round++) {
    const version = hlcFrom(fleet.clock.nowMs + round, 0, bootTag(clockTagOf(identity.peerId), 1))
    const key = round.toString(16).padStart(64, '0') as ContextKey
    const scope = limits.projects === 'any' ? null : projectScopeOf(fleetSecret, 'shop')
    const plan = {
      fleet: fleet.authority.fleet,
      key,
      version,
      parent: null,
      author: identity,
      expiresAtMs: 0,
    }
    const beginMs = performance.now()
    const { data } = await sealEnvelope({
      ...plan,
      grant: grantHash as Digest,
      scope,
      roles: [reader],
      plaintext,
    })
    const { header, signedBytes, signature } = decodeEnvelope(data)
    for (let replica = 0; replica < replicas; replica++) {
      isSignedWith(peerKeyOf(identity.peerId)!.key, signingBytes(signedBytes), signature)
    }
    const putMs = performance.now() - beginMs
    const checkMs = performance.now()
    const caller = desk.callerOf(name)!
    await desk.storeOf(caller, '10.1.2.3').storeContext(address, {}, { roles: [role.name] })
    const isAllowed = keeper.judge.isGranted(header, true)
    for (let replica = 0; replica < replicas; replica++) keeper.judge.isGranted(header, false)
    const checkedMs = performance.now() - checkMs
    if (!isAllowed) throw new Error('the bench measures a refusal')
    if (round < warmUps) continue
    without.push(putMs)
    withGrants.push(checkedMs)
  }
  return { name, putUs: 1_000 * median(without), checksUs: 1_000 * median(withGrants) }
}
