import { type Ballot, type ContextKey, noBallot } from '../../../base/ids.ts'
import { partitionOf } from '../../../dht/keyspace.ts'
import type { ReplicaHead } from './replica-disk.ts'

export type Replica = ReadonlyMap<ContextKey, ReplicaHead | 'damaged'>

/** Owners of every partition, by the names of the peers. */
export type Ownership = readonly (readonly string[])[]

/** A key of which the replicas of its partition do not hold the same. */
export type Apart = { readonly key: ContextKey; readonly versions: readonly string[]; readonly what: string }

export type Comparison = {
  readonly keys: number
  /** An owner lacks what a majority of the owners hold, or holds it damaged. */
  readonly behind: readonly Apart[]
  /** An owner holds a later value that no majority does: it was not chosen, until anti-entropy meets it (rule 8). */
  readonly ahead: readonly Apart[]
  /** Older versions that an owner lacks and another one has; history is filled from there when it is asked for. */
  readonly holes: number
}

/** Compares what the owners of every key have on their disks. @param replicas - by the name of the peer. */
export function compareReplicas(replicas: ReadonlyMap<string, Replica>, ownership: Ownership): Comparison {
  const keys = new Set([...replicas.values()].flatMap(replica => [...replica.keys()]))
  const behind: Apart[] = []
  const ahead: Apart[] = []
  let holes = 0
  for (const key of keys) {
    const owners = ownership[partitionOf(key, ownership.length)] ?? []
    const held = owners.map(owner => replicas.get(owner)?.get(key) ?? null)
    const chosen = chosenOf(held)
    const apart = (): Apart => ({
      key,
      versions: [...new Set(held.flatMap(head => (isWhole(head) ? [head.version] : [])))],
      what: owners.map((owner, at) => `${owner} ${wordsOf(held[at]!)}`).join(', '),
    })
    if (held.some(head => ballotOf(head) < chosen || head === 'damaged')) behind.push(apart())
    else if (held.some(head => ballotOf(head) > chosen)) ahead.push(apart())
    else {
      const longest = Math.max(...held.map(head => (isWhole(head) ? head.chain.length : 0)))
      for (const head of held) if (isWhole(head)) holes += longest - head.chain.length
    }
  }
  return { keys: keys.size, behind, ahead, holes }
}

/** The highest ballot that a majority reached: what is certain to be chosen lies at it or below. */
function chosenOf(held: readonly (ReplicaHead | 'damaged' | null)[]): Ballot {
  const ballots = held.map(ballotOf).sort().reverse()
  return ballots[Math.floor(held.length / 2)] ?? noBallot
}

const isWhole = (head: ReplicaHead | 'damaged' | null): head is ReplicaHead =>
  head !== null && head !== 'damaged'

const ballotOf = (head: ReplicaHead | 'damaged' | null): Ballot => (isWhole(head) ? head.accepted : noBallot)

const wordsOf = (head: ReplicaHead | 'damaged' | null): string =>
  head === null ? 'nothing' : head === 'damaged' ? 'damaged' : `${head.version} at ${head.accepted}`
