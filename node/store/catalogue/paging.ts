import { SlurpError } from '../../../base/errors.ts'
import { sha256Hex } from '../../../crypto/digest.ts'

const markDigits = 8

/**
 * One page of rows that each have a place in a fixed order. The cursor names the last row, so that pages neither repeat nor
 * skip what stood all the while, whatever comes and goes in between.
 *
 * @param question - what is asked beside the page: a cursor is good for that question only.
 * @throws SlurpError USAGE for a cursor of another question.
 */
export function pageOf<Row>(
  rows: readonly Row[],
  orderOf: (row: Row) => string,
  page: { question: string; limit: number; cursor: string | undefined },
): { rows: readonly Row[]; cursor: string | null } {
  const after = page.cursor === undefined ? null : decode(page.cursor, page.question)
  const start = after === null ? 0 : rows.findIndex(row => orderOf(row) > after)
  const found = start < 0 ? [] : rows.slice(start, start + page.limit)
  const isLast = start < 0 || start + page.limit >= rows.length
  const last = found.at(-1)
  return { rows: found, cursor: isLast || last === undefined ? null : encode(page.question, orderOf(last)) }
}

/** The mark finds mix-ups and slips; who makes a cursor up gets no more than by asking from there. */
function encode(question: string, order: string): string {
  const mark = sha256Hex(Buffer.from(JSON.stringify([question, order]))).slice(0, markDigits)
  return Buffer.from(mark + order).toString('base64url')
}

function decode(cursor: string, question: string): string {
  const order = Buffer.from(cursor, 'base64url').toString().slice(markDigits)
  if (encode(question, order) === cursor) return order
  throw new SlurpError('USAGE', 'The cursor is none that this list gave out.', {
    hint: 'Ask with the same prefix and role as before, or start again without a cursor.',
  })
}
