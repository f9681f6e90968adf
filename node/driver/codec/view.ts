import { sameBytes } from '../../../base/bytes.ts'
import type { FleetId, PartitionId, PeerId } from '../../../base/ids.ts'
import { checkView, formerMax, membersMax, replicasMax, weightStep } from '../../../dht/check-view.ts'
import { controlPartition, partitionCountMax } from '../../../dht/keyspace.ts'
import type { Assignment, Member, PlannedMove, Stage, View } from '../../../dht/view.ts'
import { ascii, blob, type Codec, flag, hex, list, oneOf, struct, varint } from './binary.ts'
import { DecodeError, Reader } from './reader.ts'
import { Writer } from './writer.ts'

/**
 * Bytes of one encoded view, at most. The largest fleet, of 1024 members, 8192 former ones and 4096 partitions of 15
 * owners, has 0.95 MB while few of them move; of 3 owners, a fifth of that without the former ones.
 */
export const viewBytesMax = 1024 * 1024

const weightsPerOne = Math.round(1 / weightStep)
/** Owners and next owners of one partition that were not there from the start. */
const entrancesMax = replicasMax * 2

const fleetId = hex<FleetId>(32)
const peerId = ascii<PeerId>(128)
const shortText = ascii<string>(63)
const stage = oneOf(['stable', 'learn', 'joint'] satisfies readonly Stage[])

/** Owners are places in the list of members: ids would be most of the view. */
const places = list(varint, replicasMax)
const entrances = list(struct({ place: varint, epoch: varint }), entrancesMax)
const assignment = struct({ epoch: varint, stage, owners: places, nextOwners: places, entered: entrances })
const member = struct({ id: peerId, name: shortText, weight: varint, zone: shortText })
const plan = struct({ partition: varint, owners: places })
const whole = struct({
  fleet: fleetId,
  epoch: varint,
  replicas: varint,
  members: list(member, membersMax),
  partitions: list(assignment, partitionCountMax),
  control: assignment,
  leaving: list(varint, membersMax),
  former: list(peerId, formerMax),
  pending: list(plan, partitionCountMax + 1),
  paused: flag,
  bytesPerSecond: varint,
  atOnceMax: varint,
  replaceAfterMs: varint,
  token: varint,
})

const writer = new Writer()

/** Whoever hears of a new view saves it, and tells it to everybody. */
const encoded = new WeakMap<View, Uint8Array>()
/** And is told it by several. */
let decodedLast: { readonly bytes: Uint8Array; readonly view: View } | null = null

/**
 * The one encoding of a view, on the wire, on disk and in its register: 8 to 22 bytes a partition of 3, 67 a member.
 *
 * @returns bytes that are shared: not to be written to.
 */
export function encodeView(view: View): Uint8Array {
  const known = encoded.get(view)
  if (known) return known
  const bytes = bytesOf(view)
  encoded.set(view, bytes)
  return bytes
}

function bytesOf(view: View): Uint8Array {
  const numbers = new Map(view.members.map((each, place) => [each.id, place]))
  const placeOf = (peer: PeerId): number => numbers.get(peer)!
  const placed = ({ epoch, stage, owners, nextOwners, entered = {} }: Assignment) => ({
    epoch,
    stage,
    owners: owners.map(placeOf),
    nextOwners: nextOwners.map(placeOf),
    entered: Object.entries(entered)
      .map(([peer, at]) => ({ place: placeOf(peer as PeerId), epoch: at }))
      .sort((a, b) => a.place - b.place),
  })
  writer.clear()
  whole.write(writer, {
    ...view,
    ...view.moves,
    members: view.members.map(each => ({ ...each, weight: Math.round(each.weight * weightsPerOne) })),
    partitions: view.partitions.map(placed),
    control: placed(view.control),
    leaving: view.leaving.map(placeOf),
    pending: view.pending.map(({ partition, owners }) => ({ partition, owners: owners.map(placeOf) })),
  })
  return writer.take()
}

/** @throws DecodeError for bytes that are no view, or one that `checkView` refuses. */
export function decodeView(bytes: Uint8Array): View {
  if (decodedLast && sameBytes(decodedLast.bytes, bytes)) return decodedLast.view
  const view = viewFrom(bytes)
  decodedLast = { bytes: Uint8Array.from(bytes), view }
  return view
}

function viewFrom(bytes: Uint8Array): View {
  const input = new Reader(bytes)
  const read = whole.read(input)
  input.end()
  const peerAt = (place: number): PeerId => {
    const found = read.members[place]
    if (found === undefined) throw new DecodeError('an owner that is no member')
    return found.id
  }
  const named = (each: (typeof read)['control']): Assignment => ({
    epoch: each.epoch,
    stage: each.stage,
    owners: each.owners.map(peerAt),
    nextOwners: each.nextOwners.map(peerAt),
    ...(each.entered.length === 0
      ? {}
      : {
          entered: Object.fromEntries(
            ascending(each.entered).map(({ place, epoch }) => [peerAt(place), epoch]),
          ),
        }),
  })
  const { fleet, epoch, replicas, paused, bytesPerSecond, atOnceMax, replaceAfterMs, token } = read
  const view: View = {
    fleet,
    epoch,
    replicas,
    members: read.members.map((each): Member => ({ ...each, weight: each.weight / weightsPerOne })),
    partitions: read.partitions.map(named),
    control: named(read.control),
    leaving: read.leaving.map(peerAt),
    former: read.former,
    pending: read.pending.map(
      ({ partition, owners }): PlannedMove => ({
        partition: partition as PartitionId,
        owners: owners.map(peerAt),
      }),
    ),
    moves: { paused, bytesPerSecond, atOnceMax, replaceAfterMs },
    token,
  }
  const wrong = checkView(view)
  if (wrong !== null) throw new DecodeError(wrong)
  return view
}

/** One view has one encoding. */
function ascending<T extends { readonly place: number }>(entrances: readonly T[]): readonly T[] {
  if (entrances.some(({ place }, at) => at > 0 && place <= entrances[at - 1]!.place))
    throw new DecodeError('entrances that are not in the order of the members')
  return entrances
}

const viewBytes = blob(viewBytesMax)

/** A view as a field of a message. */
export const viewField: Codec<View> = {
  write: (out, view) => viewBytes.write(out, encodeView(view)),
  read: input => decodeView(viewBytes.read(input)),
}

/** Partition numbers on the wire, the control partition's too. */
export const anyPartition: Codec<PartitionId> = {
  write: varint.write,
  read: input => {
    const number = varint.read(input)
    if (number > controlPartition) throw new DecodeError('no such partition')
    return number as PartitionId
  },
}
