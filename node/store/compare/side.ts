import { SlurpError } from '../../../base/errors.ts'
import { isVersion, type Version } from '../../../base/ids.ts'
import { type Address, parseAddress } from '../address.ts'
import { parseTemporal } from '../temporal.ts'

/** One of two versions that are compared: what an address says, or one version of its place. */
export type Side = { readonly address: Address; readonly version: Version | null }

/** Reads an address, or an address, `#` and a version. @throws SlurpError ADDRESS_INVALID, USAGE for no version. */
export function parseSide(text: string): Side {
  const at = text.indexOf('#')
  if (at < 0) return { address: parseAddress(text), version: null }
  const address = parseAddress(text.slice(0, at))
  if (address.temporal.kind !== 'latest')
    throw new SlurpError('ADDRESS_INVALID', 'With a version, the temporal segment must be *^.')
  return { address, version: versionFrom(text.slice(at + 1)) }
}

/**
 * Both sides of a comparison.
 *
 * @param to - as for {@link parseSide}; or a temporal segment or a version alone, of the place of `from`. Left out: what
 * stands now, and where `from` is just that, it becomes what stood before.
 */
export function parseSides(from: string, to: string | undefined): { from: Side; to: Side } {
  const side = parseSide(from)
  const { address, version } = side
  const standing: Side = { address: { ...address, temporal: { kind: 'latest' } }, version: null }
  if (to === undefined) {
    const isStanding = version === null && address.temporal.kind === 'latest'
    if (!isStanding) return { from: side, to: standing }
    return { from: { address: { ...address, temporal: { kind: 'back', hops: 1 } }, version }, to: standing }
  }
  if (to.startsWith('ucxl:')) return { from: side, to: parseSide(to) }
  if (/^[*~^@]/.test(to))
    return { from: side, to: { address: { ...address, temporal: parseTemporal(to, 1) }, version: null } }
  return { from: side, to: { ...standing, version: versionFrom(to) } }
}

function versionFrom(text: string): Version {
  if (isVersion(text)) return text as Version
  throw new SlurpError('USAGE', 'A version is 24 digits 0-9 a-f.', {
    hint: '`slurp history ADDRESS` lists the versions; `slurp diff --help` shows what can be compared.',
  })
}
