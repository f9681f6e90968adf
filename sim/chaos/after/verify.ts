import { partitionOf } from '../../../dht/keyspace.ts'
import { ChaosFailure } from '../failure.ts'
import type { ChaosFleet } from '../fleet/fleet.ts'
import { type Ring, readCopied, readRing } from '../fleet/ring.ts'
import type { ChainEntry } from '../history/call.ts'
import type { Violation } from '../history/check.ts'
import type { Recorder } from '../history/recorder.ts'
import type { Missearched, Searched } from './canaries.ts'
import { type Comparison, compareReplicas, type Replica } from './compare.ts'
import { impatient, patient, readChains, readEverywhere } from './read-back.ts'
import { repairAll } from './repair.ts'
import { readReplica } from './replica-disk.ts'
import { searchWhatStands } from './search.ts'
import { settle } from './settle.ts'

const settleMsMax = 180_000
/** For the indexes to have what the disks have; those of peers that just started are filled meanwhile. */
const searchMsMax = 60_000
/** For every peer to compare its replicas with those of the others. */
const repairMsMax = 300_000
/** Each round reads what was apart at every door again, stops the fleet and compares its disks. */
const roundsMax = 4

export type Verified = {
  readonly violations: readonly Violation[]
  readonly chains: ReadonlyMap<string, readonly ChainEntry[]>
  readonly comparison: Comparison
  /** What was on the disks at last, by the name of the peer. */
  readonly replicas: ReadonlyMap<string, Replica>
  readonly rounds: number
  /** Words that were looked for at every door. */
  readonly searched: Pick<Searched, 'standing' | 'gone'>
  /** Who owned what at last. */
  readonly ring: Ring
  /** Partition of an address; null when nothing of it was ever stored. */
  readonly partitionOf: (address: string) => number | null
}

/**
 * Heals the fleet, reads everything back and looks for it at every door, stops all peers, and compares their disks.
 *
 * @throws ChaosFailure when a peer does not start or stop.
 */
export async function verify(
  fleet: ChaosFleet,
  addresses: ReadonlySet<string>,
  recorder: Recorder,
  told: (what: string) => void,
): Promise<Verified> {
  const violations: Violation[] = []
  const broken = (address: string, what: string) => void violations.push({ address, what })
  const chains = new Map<string, ChainEntry[]>()
  const searched = { standing: 0, gone: 0 }
  let unread: ReadonlySet<string> = addresses
  let isToRepair = false
  for (let round = 1; ; round++) {
    told(`round ${round}: waiting until every peer is well`)
    const unwell = await settle(fleet, settleMsMax)
    if (isToRepair) {
      told(`round ${round}: repairing`)
      unwell.push(...(await repairAll(fleet, repairMsMax)))
    }
    for (const what of unwell) broken('', `after the faults ended: ${what}`)
    told(`round ${round}: reading back`)
    const persistence = unwell.length === 0 ? patient : impatient
    for (const what of await readEverywhere(fleet.doors, unread, recorder, persistence)) broken('', what)
    // A write of unknown outcome may have surfaced since: what was read again gets its history read again.
    for (const [address, entries] of await readChains(fleet.doors, unread, persistence))
      chains.set(address, entries)
    told(`round ${round}: searching`)
    const found = await searchWhatStands({
      doors: fleet.doors,
      addresses: unread,
      chains,
      calls: recorder.calls,
      persistence,
      withinMs: searchMsMax,
    })
    searched.standing = Math.max(searched.standing, found.standing)
    searched.gone = Math.max(searched.gone, found.gone)
    const ring = await readRing(fleet)
    if (ring === null) throw new ChaosFailure('no peer tells who owns what')
    await readCopied(fleet)
    const killed = await fleet.stop()
    if (killed.length > 0) throw new ChaosFailure(`${killed.join(' ')} did not stop when asked to`)
    told(`round ${round}: comparing the replicas`)
    const replicas = new Map(
      await Promise.all(
        fleet.names.map(async name => [name, await readReplica(fleet.peer(name).dir)] as const),
      ),
    )
    const comparison = compareReplicas(
      replicas,
      ring.parts.map(part => part.owners),
    )
    const addressOf = new Map(
      [...chains].flatMap(([address, entries]) => entries.map(({ version }) => [version, address] as const)),
    )
    const { behind, ahead } = comparison
    const unequal = [...behind, ...ahead]
    const isLast = unequal.length === 0 || round === roundsMax
    // An index has what its own disk has: where that is behind or ahead, it is looked for again once it is not.
    const versionsApart = new Set(unequal.flatMap(({ versions }) => versions))
    const apart = new Set([...versionsApart].flatMap(version => addressOf.get(version) ?? []))
    const isExcused = ({ address, version }: Missearched) =>
      apart.has(address) || (version !== undefined && versionsApart.has(version))
    violations.push(...found.violations.filter(each => isLast || !isExcused(each)))
    if (isLast) {
      for (const { key, versions, what } of unequal)
        broken(addressOf.get(versions[0] ?? '') ?? key, `its replicas stay apart: ${what}`)
      return {
        violations,
        chains,
        comparison,
        replicas,
        rounds: round,
        searched,
        ring,
        partitionOf: partitionsFrom(replicas, ring.parts.length, addressOf),
      }
    }
    told(`round ${round}: ${behind.length} keys are behind and ${ahead.length} ahead; again`)
    // What one owner alone holds stands once it is repaired, wherever that is.
    isToRepair = ahead.length > 0
    unread = isToRepair ? addresses : apart
    await fleet.heal()
  }
}

function partitionsFrom(
  replicas: ReadonlyMap<string, Replica>,
  count: number,
  addressOf: ReadonlyMap<string, string>,
): Verified['partitionOf'] {
  const partitions = new Map<string, number>()
  for (const replica of replicas.values())
    for (const [key, head] of replica) {
      const address = head === 'damaged' ? undefined : addressOf.get(head.version)
      if (address !== undefined) partitions.set(address, partitionOf(key, count))
    }
  return address => partitions.get(address) ?? null
}
