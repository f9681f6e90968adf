import { fromHex } from '../../../base/bytes.ts'
import type { ContextKey, Version } from '../../../base/ids.ts'
import type { Change, Stock } from '../api.ts'
import { compareBytes, keyAt, keyBytes, versionAt } from '../segment/columns.ts'
import type { Segment } from '../segment/segment.ts'
import type { Catalog } from './catalog.ts'

export type Difference = {
  /** What takes out of the index what the store does not have. */
  readonly changes: readonly Change[]
  /** What the store has and the index lacks, each key's oldest first. */
  readonly missing: readonly { readonly key: ContextKey; readonly version: Version }[]
}

/** Compares what a store says that it has with what is indexed. Cost: 1 ns a document for a range, 2 µs a key. */
export function differenceOf(catalogs: readonly Catalog[], { held, range }: Stock): Difference {
  const changes: Change[] = []
  const missing: Difference['missing'][number][] = []
  for (const { key, versions } of held) {
    const indexed = catalogs.map(catalog => versionsOf(catalog, key))
    const removal = removalOf(key, versions, new Set(indexed.flatMap(each => [...each])))
    if (removal !== null) changes.push(removal)
    const isAnew = removal?.kind === 'remove'
    for (const version of versions) {
      const lacks = catalogs.some(
        ({ configuration }, at) =>
          (configuration.history !== false || version === versions.at(-1)) && !indexed[at]!.has(version),
      )
      if (isAnew || lacks) missing.push({ key, version })
    }
  }
  if (range !== null) {
    const listed = new Set(held.map(({ key }) => key))
    for (const key of keysIn(catalogs, range)) if (!listed.has(key)) changes.push({ kind: 'remove', key })
  }
  return { changes, missing }
}

/** What lies below all that is held is trimmed; anything else in between means that the key is indexed anew. */
function removalOf(
  key: ContextKey,
  held: readonly Version[],
  indexed: ReadonlySet<Version>,
): (Change & { kind: 'remove' | 'trim' }) | null {
  const wanted = new Set(held)
  const extra = [...indexed].filter(version => !wanted.has(version))
  if (extra.length === 0) return null
  const [oldest] = held
  return oldest !== undefined && extra.every(version => version < oldest)
    ? { kind: 'trim', key, keepFrom: oldest }
    : { kind: 'remove', key }
}

function versionsOf(catalog: Catalog, key: ContextKey): Set<Version> {
  const bytes = fromHex(key)!
  return new Set(
    catalog.kept.flatMap(({ shelf }) =>
      shelf.placesOf(bytes).map(({ segment, at }) => versionAt(segment.columns, at)),
    ),
  )
}

function keysIn(
  catalogs: readonly Catalog[],
  { partition, after, through }: NonNullable<Stock['range']>,
): Set<ContextKey> {
  const least = after === null ? null : fromHex(after)!
  const most = through === null ? null : fromHex(through)!
  const found = new Set<ContextKey>()
  const look = (segment: Segment) => {
    const { partitions, keys } = segment.columns
    for (let place = 0; place < segment.documents; place++) {
      if (partitions[place] !== partition || segment.until[place] === 0) continue
      const at = place * keyBytes
      if (least !== null && compareBytes(keys, at, least, 0, keyBytes) <= 0) continue
      if (most !== null && compareBytes(keys, at, most, 0, keyBytes) > 0) continue
      found.add(keyAt(segment.columns, place))
    }
  }
  for (const { kept } of catalogs) for (const { shelf } of kept) shelf.segments.forEach(look)
  return found
}
