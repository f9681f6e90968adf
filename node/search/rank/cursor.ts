import { fromHex } from '../../../base/bytes.ts'
import { SlurpError } from '../../../base/errors.ts'
import { type ContextKey, isContextKey, isVersion, type Version } from '../../../base/ids.ts'
import { sha256Hex } from '../../../crypto/digest.ts'
import type { RankRequest, Statistics } from '../api.ts'
import { searchLimits } from '../limits.ts'
import type { Position } from './best.ts'

/**
 * Where an answer ended. It fixes the time and the weights of the first page, so that the pages after it are those of
 * the same list: what was written since does not move what is still to come.
 */
export type Cursor = {
  readonly asOfMs: number
  readonly statistics: Statistics
  readonly value: number
  readonly key: ContextKey
  readonly version: Version
}

const format = 1

export function writeCursor(cursor: Cursor, request: RankRequest): string {
  const { asOfMs, statistics, value, key, version } = cursor
  const { documents, lengthSum, frequencies } = statistics
  const parts = [format, questionOf(request), asOfMs, documents, lengthSum, frequencies, value, key, version]
  return Buffer.from(JSON.stringify(parts)).toString('base64url')
}

/** @throws SlurpError CURSOR_INVALID for anything that was not given out for the same question. */
export function readCursor(text: string, request: RankRequest, terms: number): Cursor {
  const parts = text.length > searchLimits.cursorCharsMax ? null : parsed(text)
  if (!Array.isArray(parts) || parts.length !== 9 || parts[0] !== format) {
    throw new SlurpError('CURSOR_INVALID', 'This cursor was not given out by a search of this version.')
  }
  if (parts[1] !== questionOf(request)) {
    throw new SlurpError('CURSOR_INVALID', 'This cursor belongs to another question.', {
      hint: 'Send it with the same query, filters, roles, mode and sort, or ask without a cursor.',
    })
  }
  const [, , asOfMs, documents, lengthSum, frequencies, value, key, version] = parts as unknown[]
  const numbers = [asOfMs, documents, lengthSum, value, ...(Array.isArray(frequencies) ? frequencies : [])]
  const isWhole =
    numbers.length === terms + 4 &&
    numbers.every(number => typeof number === 'number') &&
    typeof key === 'string' &&
    isContextKey(key) &&
    typeof version === 'string' &&
    isVersion(version)
  if (!isWhole) throw new SlurpError('CURSOR_INVALID', 'This cursor was changed on its way.')
  return {
    asOfMs: asOfMs as number,
    statistics: {
      documents: documents as number,
      lengthSum: lengthSum as number,
      frequencies: frequencies as number[],
    },
    value: value as number,
    key,
    version,
  }
}

export const positionOf = ({ value, key, version }: Cursor): Position => ({
  value,
  key: fromHex(key)!,
  version: fromHex(version)!,
})

/** What must be the same on all pages. */
const questionOf = (request: RankRequest): string => {
  const { roles, index, query, mode, filters, sort, asOfMs } = request
  return sha256Hex(
    JSON.stringify([
      [...roles].sort(),
      index ?? 'main',
      query,
      mode ?? 'any',
      filters ?? {},
      sort,
      asOfMs ?? null,
    ]),
  ).slice(0, 16)
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(Buffer.from(text, 'base64url').toString())
  } catch (failure) {
    if (failure instanceof SyntaxError) return null
    throw failure
  }
}
