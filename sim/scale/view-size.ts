import type { View } from '../../dht/view.ts'

/** Bytes of a whole number of which seven bits go into each. */
const varintBytes = (value: number): number => (value < 0x80 ? 1 : 1 + varintBytes(Math.floor(value / 0x80)))

const textBytes = (text: string): number => varintBytes(text.length) + text.length

/**
 * Bytes of a view that names the owners of a partition by their place in the list of members: fleet, epoch,
 * replicas, each member's id, name, weight and zone, each partition's epoch, stage and owners.
 */
export function compactViewBytes(view: View): number {
  const places = new Map(view.members.map(({ id }, at) => [id, at]))
  const fleetBytes = 32
  const weightBytes = 8
  const stageBytes = 1
  let bytes = fleetBytes + varintBytes(view.epoch) + varintBytes(view.replicas)
  bytes += varintBytes(view.members.length) + varintBytes(view.partitions.length)
  for (const { id, name, zone } of view.members)
    bytes += textBytes(id) + textBytes(name) + textBytes(zone) + weightBytes
  for (const { epoch, owners, nextOwners } of view.partitions) {
    bytes += varintBytes(epoch) + stageBytes
    for (const group of [owners, nextOwners]) {
      bytes += varintBytes(group.length)
      for (const owner of group) bytes += varintBytes(places.get(owner)!)
    }
  }
  return bytes
}
