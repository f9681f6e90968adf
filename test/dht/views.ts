import fc from 'fast-check'
import type { FleetId, PartitionId, PeerId } from '../../base/ids.ts'
import { controlPartition } from '../../dht/keyspace.ts'
import type { Assignment, Member, PlannedMove, View } from '../../dht/view.ts'

/** Valid views of every kind: any stage, anybody leaving, any plan. What an encoding may forget is not in them. */
export function views(draw: { most?: number } = {}): fc.Arbitrary<View> {
  const { most = 12 } = draw
  return fc.integer({ min: 1, max: most }).chain(size =>
    fc
      .tuple(fc.array(memberDraw, { minLength: size, maxLength: size }), fc.nat(5), count)
      .chain(([drawn, bits, epoch]) => {
        const members = drawn.map((one, at): Member => ({ ...one, ...nameAt(at) }))
        const ids = members.map(({ id }) => id)
        return fc.record<View>(
          {
            fleet: fc
              .uint8Array({ minLength: 32, maxLength: 32 })
              .map(bytes => Buffer.from(bytes).toString('hex') as FleetId),
            epoch: fc.constant(epoch),
            replicas: fc.integer({ min: 1, max: 15 }),
            members: fc.constant(members),
            partitions: fc.array(assignments(ids, epoch), { minLength: 2 ** bits, maxLength: 2 ** bits }),
            control: assignments(ids, epoch),
            leaving: fc.subarray(ids),
            former: fc.array(formerId, { maxLength: 5 }),
            pending: plans(ids, 2 ** bits),
            moves: fc.record(
              { paused: fc.boolean(), bytesPerSecond: count, atOnceMax: count, replaceAfterMs: fc.nat() },
              { noNullPrototype: true },
            ),
            token: fc.maxSafeNat(),
          },
          { noNullPrototype: true },
        )
      }),
  )
}

const formerId = fc.nat(999).map(at => `12D3KooWformer${at}` as PeerId)
const count = fc.oneof(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1, max: 2 ** 40 }))
const memberDraw = fc.record(
  {
    // Weights are kept to the millionth.
    weight: fc.integer({ min: 1, max: 1024 * 1_000_000 }).map(millionths => millionths / 1_000_000),
    zone: fc.constantFrom('z1', 'z2', 'rack-3.b'),
  },
  { noNullPrototype: true },
)
const nameAt = (at: number): { id: PeerId; name: string } => ({
  id: `12D3KooWpeer${at}` as PeerId,
  name: `p${at}`,
})

const group = (ids: readonly PeerId[]): fc.Arbitrary<PeerId[]> =>
  fc.shuffledSubarray([...ids], { minLength: 1, maxLength: Math.min(15, ids.length) })

const assignments = (ids: readonly PeerId[], viewEpoch: number): fc.Arbitrary<Assignment> =>
  fc
    .record({
      epoch: fc.integer({ min: 1, max: viewEpoch }),
      stage: fc.constantFrom('stable' as const, 'learn' as const, 'joint' as const),
      owners: group(ids),
      next: group(ids),
      entrances: fc.array(fc.nat(), { maxLength: 30 }),
    })
    .map(({ epoch, stage, owners, next, entrances }) => {
      const nextOwners = stage === 'stable' ? [] : next
      const acceptors = ids.filter(id => owners.includes(id) || nextOwners.includes(id))
      const entered = acceptors.flatMap((id, at) => {
        const drawn = entrances[at]
        return drawn === undefined || drawn % 3 === 0 ? [] : [[id, 1 + (drawn % epoch)] as const]
      })
      const named = entered.length === 0 ? {} : { entered: Object.fromEntries(entered) }
      return { epoch, stage, owners, nextOwners, ...named }
    })

const plans = (ids: readonly PeerId[], partitions: number): fc.Arbitrary<PlannedMove[]> =>
  fc.uniqueArray(
    fc.record<PlannedMove>(
      {
        partition: fc.oneof(
          fc.nat(partitions - 1).map(number => number as PartitionId),
          fc.constant(controlPartition),
        ),
        owners: group(ids),
      },
      { noNullPrototype: true },
    ),
    { selector: ({ partition }) => partition, maxLength: 6 },
  )
