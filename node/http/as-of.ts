import { parseAddress } from '../store/address.ts'
import type { ContextStore } from '../store/api.ts'

/**
 * The moment that is meant by a time, or by an address with a temporal segment: when the version there was written, so that
 * the version itself and what held beside it are of that moment.
 *
 * @param store - of whoever asks: it takes the right to read the address.
 * @returns milliseconds since 1970; NaN for what is neither.
 * @throws SlurpError ADDRESS_INVALID, and what a read throws.
 */
export async function momentOf(
  store: Pick<ContextStore, 'retrieveContext'>,
  text: string,
  timeoutMs: number | undefined,
): Promise<number> {
  if (!text.startsWith('ucxl:')) return timeOf(text) ?? Number.NaN
  const { temporal } = parseAddress(text)
  if (temporal.kind === 'at') return temporal.ms
  const options = timeoutMs === undefined ? {} : { timeoutMs }
  const { writtenAt } = await store.retrieveContext(text, options)
  return Date.parse(writtenAt)
}

/** Milliseconds of an ISO date or time; null for anything else. */
export function timeOf(text: string): number | null {
  const ms = /^\d{4}-\d\d-\d\d/.test(text) ? Date.parse(text) : Number.NaN
  return Number.isNaN(ms) ? null : ms
}
