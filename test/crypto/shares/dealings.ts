import { randomBytes } from 'node:crypto'
import type { PeerId, RoleName } from '../../../base/ids.ts'
import type { Identity } from '../../../crypto/identity.ts'
import { type Combination, combine, type Released } from '../../../crypto/shares/combine.ts'
import { type Dealing, type DealPlan, deal } from '../../../crypto/shares/deal.ts'
import { release } from '../../../crypto/shares/release.ts'
import { fleet, newIdentity } from '../fixtures.ts'

/** Identities are costly to make, so all tests share these. */
export const peers: readonly Identity[] = await Promise.all(Array.from({ length: 9 }, newIdentity))
export const dealer = await newIdentity()
export const requester = await newIdentity()
export const secret = new Uint8Array(randomBytes(32))
export const nonce = new Uint8Array(32).fill(7)

export const holdersOf = (some: readonly Identity[]) =>
  some.map(({ peerId, ageRecipient }) => ({ peer: peerId, recipient: ageRecipient }))

export const planFor = (some: readonly Identity[], more: Partial<DealPlan> = {}): DealPlan => ({
  fleet,
  secret: 'developer' as RoleName,
  keyVersion: 3,
  setVersion: 1,
  setId: 'ab'.repeat(16),
  holders: holdersOf(some),
  dealer,
  ...more,
})

export const dealTo = (some: readonly Identity[], more: Partial<DealPlan> = {}): Promise<Dealing> =>
  deal(secret, planFor(some, more))

export const shareOf = ({ shares }: Dealing, { peerId }: Identity): Uint8Array => shares.get(peerId)!

/** What these holders answer. */
export const releasesOf = (
  dealing: Dealing,
  request: Uint8Array,
  some: readonly Identity[],
): Promise<Answer[]> =>
  Promise.all(
    some.map(async holder => ({
      from: holder.peerId as PeerId,
      bytes: await release(dealing.record, shareOf(dealing, holder), request, holder),
    })),
  )

/** What came from a peer in answer to a request that all tests share. */
export type Answer = Omit<Released, 'request'>

export const combineFor = (
  record: Dealing['record'],
  request: Uint8Array,
  asker: Identity,
  answers: readonly Answer[],
): Promise<Combination> =>
  combine(
    record,
    asker,
    answers.map(answer => ({ ...answer, request })),
  )
