import type { StoryEvent } from '../story-event.ts'

const rowPxMin = 16
const rowPxMax = 72
const topPx = 24
const bottomPx = 40

/** Where virtual time is on the page. Every event has a row of its own; long pauses take less room than they should. */
export type Axis = {
  readonly rows: readonly { readonly y: number; readonly atMs: number; readonly waitedMs: number }[]
  readonly height: number
  /** Where a moment between events is; one after the last event is at the lower edge. */
  yOf(atMs: number): number
}

/** @param events - in order of time. */
export function axisOf(events: readonly StoryEvent[]): Axis {
  let y = topPx
  let beforeMs: number | null = null
  const rows = events.map(({ atMs }) => {
    const waitedMs = beforeMs === null ? 0 : atMs - beforeMs
    if (beforeMs !== null) y += Math.min(rowPxMax, rowPxMin + 9 * Math.log2(1 + waitedMs))
    beforeMs = atMs
    return { y: Math.round(y * 10) / 10, atMs, waitedMs }
  })
  const height = Math.round(y) + bottomPx
  return { rows, height, yOf: atMs => between(rows, height, atMs) }
}

/** Of several events of one moment the first counts: what arrives then comes before what it causes. */
function between(rows: Axis['rows'], height: number, atMs: number): number {
  let low = 0
  let high = rows.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (rows[middle]!.atMs < atMs) low = middle + 1
    else high = middle
  }
  const next = rows[low]
  if (next === undefined) return height
  const last = rows[low - 1]
  if (last === undefined) return next.atMs === atMs ? next.y : 0
  return last.y + ((next.y - last.y) * (atMs - last.atMs)) / (next.atMs - last.atMs)
}
