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
export function describeWaiting(moving: readonly MovingPartition[]): string[] {
  const groups = new Map<string, { who: string; stage: string; seconds: number; partitions: number[] }>()
  for (const { partition, stage, seconds, waitsFor } of moving) {
    const waits =
      waitsFor.length === 0 ? [{ peer: null, reason: 'The leader has yet to carry it on.' }] : waitsFor
    for (const { peer, reason } of waits) {
      const who = peer === null ? reason : `waits for ${peer}: ${reason}`
      const group = groups.get(`${stage} ${who}`) ?? { who, stage, seconds: 0, partitions: [] }
      group.partitions.push(partition)
      group.seconds = Math.max(group.seconds, seconds)
      groups.set(`${stage} ${who}`, group)
    }
  }
  return [...groups.values()]
    .sort((a, b) => b.seconds - a.seconds)
    .map(
      ({ who, stage, seconds, partitions }) => `  ${nameAll(partitions)}, ${stage} for ${seconds} s, ${who}`,
    )
}

/** One line that fits a terminal: how far it is, and what waits longest. */
export function describeShortly({ pending, moving }: RingProgress): string {
  const longest = describeWaiting(moving)[0]?.trim()
  return `${moving.length} on their way, ${pending} to begin${longest === undefined ? '' : `; ${longest}`}`
}

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
