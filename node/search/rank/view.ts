import type { Segment } from '../segment/segment.ts'

/** Which versions of which documents are there, for a question: weights and counts are made of these alone. */
export type View = {
  /** Null: now. */
  readonly asOfMs: number | null
  /** Null: all. */
  readonly partitions: ReadonlySet<number> | null
}

export type Visible = {
  /** 1 for each document that is there. */
  readonly mask: Uint8Array
  readonly documents: number
  readonly length: number
}

type Kept = { readonly name: string; readonly changes: number; readonly visible: Visible }
const keptMax = 4
const kept = new WeakMap<Segment, Kept[]>()

/** Cost: nothing for all that holds now; else 2 ns a document, the last few views are kept. */
export function visibleIn(segment: Segment, view: View): Visible {
  const { asOfMs, partitions } = view
  if (asOfMs === null && partitions === null) {
    return { mask: segment.current, documents: segment.currentCount, length: segment.currentLength }
  }
  const name = `${asOfMs ?? ''}|${partitions === null ? '' : [...partitions].join()}`
  const views = kept.get(segment) ?? []
  const known = views.find(one => one.name === name && one.changes === segment.changes)
  if (known !== undefined) return known.visible
  const visible = look(segment, view)
  kept.set(segment, [{ name, changes: segment.changes, visible }, ...views].slice(0, keptMax))
  return visible
}

function look(segment: Segment, { asOfMs, partitions }: View): Visible {
  const mask = new Uint8Array(segment.documents)
  let documents = 0
  let length = 0
  const { until, current, columns } = segment
  for (let place = 0; place < segment.documents; place++) {
    const holds =
      asOfMs === null ? current[place] === 1 : columns.writtenMs[place]! <= asOfMs && until[place]! > asOfMs
    if (!holds || (partitions !== null && !partitions.has(columns.partitions[place]!))) continue
    mask[place] = 1
    documents++
    length += columns.lengths[place]!
  }
  return { mask, documents, length }
}
