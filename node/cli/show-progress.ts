import { controlPartition } from '../../dht/keyspace.ts'
import type { MovingPartition, RingProgress } from '../fleet-control.ts'

const megabyte = 1024 * 1024

/** Every partition that waits, for whom, why and for how long. */
export function describeProgress(progress: RingProgress): string {
  const { epoch, pending, leaving, moving, settings } = progress
  const leaves =
    leaving.length === 0 ? '' : `; ${leaving.join(', ')} ${leaving.length > 1 ? 'leave' : 'leaves'}`
  const paused = settings.paused ? 'paused; `slurp ring resume` goes on' : 'not paused'
  return [
    `epoch ${epoch}: ${moving.length} on their way, ${pending} to begin${leaves}`,
    `moves are ${paused}; ${bytesText(settings.bytesPerSecond)} a second a peer, ${settings.atOnceMax} at once`,
    describeGrace(settings.replaceAfterMs),
    ...describeWaiting(moving),
  ].join('\n')
}

export const describeGrace = (replaceAfterMs: number): string =>
  replaceAfterMs === 0
    ? 'a dead member stays a member'
    : `a dead member is taken out after ${replaceAfterMs / 1000} s`

/** Partitions that wait for the same peer for the same reason share a line; the ones that wait longest are first. */
export const describeWaiting = (moving: readonly MovingPartition[]): string[] =>
  grouped(moving).map(
    ({ who, stage, seconds, partitions }) => `  ${nameAll(partitions)}, ${stage} for ${seconds} s, ${who}`,
  )

/** One line that fits a terminal: how far it is, and what waits longest. */
export function describeShortly({ pending, moving }: RingProgress): string {
  const counts = `${moving.length} on their way, ${pending} to begin`
  const [longest] = grouped(moving)
  if (longest === undefined) return counts
  const { who, stage, seconds, partitions } = longest
  return `${counts}; ${partitions.length} in ${stage} for ${seconds} s, ${who}`
}

type Group = { who: string; stage: string; seconds: number; partitions: number[] }

function grouped(moving: readonly MovingPartition[]): Group[] {
  const groups = new Map<string, Group>()
  for (const { partition, stage, seconds, waitsFor } of moving) {
    for (const who of whoOf(waitsFor)) {
      const group = groups.get(`${stage} ${who}`) ?? { who, stage, seconds: 0, partitions: [] }
      group.partitions.push(partition)
      group.seconds = Math.max(group.seconds, seconds)
      groups.set(`${stage} ${who}`, group)
    }
  }
  return [...groups.values()].sort((a, b) => b.seconds - a.seconds)
}

const whoOf = (waitsFor: MovingPartition['waitsFor']): string[] =>
  waitsFor.length === 0
    ? ['The leader has yet to carry it on.']
    : waitsFor.map(({ peer, reason }) => `waits for ${peer}: ${reason}`)

function nameAll(partitions: readonly number[]): string {
  const numbers = partitions.filter(partition => partition !== controlPartition)
  const control = numbers.length < partitions.length ? ['the control group'] : []
  const word = numbers.length === 1 ? 'partition' : 'partitions'
  return [...control, ...(numbers.length === 0 ? [] : [`${word} ${numbers.join(', ')}`])].join(' and ')
}

/** Bytes for people. */
export function bytesText(bytes: number): string {
  if (bytes < 1024) return `${bytes} bytes`
  if (bytes < megabyte) return `${(bytes / 1024).toFixed(1)} KB`
  return bytes < 1024 * megabyte
    ? `${(bytes / megabyte).toFixed(1)} MB`
    : `${(bytes / (1024 * megabyte)).toFixed(1)} GB`
}
