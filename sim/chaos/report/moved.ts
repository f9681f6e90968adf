import { hlcMs } from '../../../base/hlc.ts'
import type { ContextKey } from '../../../base/ids.ts'
import { partitionOf } from '../../../dht/keyspace.ts'
import type { Replica } from '../after/compare.ts'
import type { HeldVersion } from '../after/replica-disk.ts'
import type { MovedCopy } from '../fleet/ring.ts'

/** What moved because of the changes of members, and what had to at the least. */
export type Moved = {
  /** Copies of partitions that came to a peer which had none. */
  readonly copies: number
  readonly leastCopies: number
  /** Bytes of versions that peers copied, as they count them themselves. */
  readonly bytes: number
  /** What the least copies held when they came. */
  readonly leastBytes: number
}

export type MovedParts = {
  readonly moved: readonly MovedCopy[]
  readonly leastCopies: number
  readonly copiedBytes: number
  readonly replicas: Iterable<Replica>
  readonly partitions: number
  /** Wall clock at the time 0 of the run. */
  readonly startWallMs: number
}

/** A version counts for a copy that came after it was written: what is written later comes by itself, moved or not. */
export function movedFrom(parts: MovedParts): Moved {
  const { moved, leastCopies, copiedBytes, replicas, partitions, startWallMs } = parts
  const held = versionsByPartition(replicas, partitions)
  const came = moved.reduce((sum, { partition, atMs }) => {
    const before = (held.get(partition) ?? []).filter(({ version }) => hlcMs(version) - startWallMs <= atMs)
    return sum + before.reduce((bytes, each) => bytes + each.bytes, 0)
  }, 0)
  const leastBytes = moved.length === 0 ? 0 : Math.round((came * leastCopies) / moved.length)
  return { copies: moved.length, leastCopies, bytes: copiedBytes, leastBytes }
}

/** The longest history of each key that some replica has, by the partition of the key. */
function versionsByPartition(
  replicas: Iterable<Replica>,
  partitions: number,
): Map<number, readonly HeldVersion[]> {
  const chains = new Map<ContextKey, readonly HeldVersion[]>()
  for (const replica of replicas)
    for (const [key, head] of replica)
      if (head !== 'damaged' && head.chain.length > (chains.get(key)?.length ?? 0))
        chains.set(key, head.chain)
  const grouped = Map.groupBy(chains, ([key]) => partitionOf(key, partitions))
  return new Map([...grouped].map(([partition, list]) => [partition, list.flatMap(([, chain]) => chain)]))
}
