import { SlurpError } from '../../base/errors.ts'
import { type ContextKey, isVersion, type Version } from '../../base/ids.ts'

const format = 1
const keyBytes = 4
const versionBytes = 12

/** Where a history goes on, opaque to callers, bound to its address. */
export function encodeCursor(key: ContextKey, next: Version): string {
  const bytes = Buffer.concat([Buffer.of(format), Buffer.from(key.slice(0, keyBytes * 2) + next, 'hex')])
  return bytes.toString('base64url')
}

/** @throws SlurpError USAGE for anything that is no cursor of this address. */
export function decodeCursor(key: ContextKey, cursor: string): Version {
  const bytes = Buffer.from(cursor.slice(0, 64), 'base64url')
  const version = bytes.subarray(1 + keyBytes).toString('hex')
  const good =
    bytes.length === 1 + keyBytes + versionBytes &&
    bytes[0] === format &&
    bytes.subarray(1, 1 + keyBytes).toString('hex') === key.slice(0, keyBytes * 2) &&
    bytes.toString('base64url') === cursor &&
    isVersion(version)
  if (!good)
    throw new SlurpError('USAGE', 'The cursor is none that this address gave out.', {
      hint: 'Start again without a cursor.',
    })
  return version as Version
}
