import { SlurpError } from '../../base/errors.ts'
import type { ChainText } from './grant-chain.ts'
import { invalid, tokenTypes } from './token.ts'

/** Characters of a chain as one text, at most. */
export const chainLengthMax = tokenTypes.delegate.lengthMax + 1 + tokenTypes.grant.lengthMax

/** A chain as one text: the delegate's certificate, a line feed, the grant. `grant.json` and the hello carry it. */
export const joinChain = ({ delegate, grant }: ChainText): string => `${delegate}\n${grant}`

/** Takes a chain apart; what it is worth is said by `openGrantChain`. @throws SlurpError GRANT_INVALID. */
export function splitChain(text: string): ChainText {
  if (text.length > chainLengthMax) throw invalid('grant', `It is longer than ${chainLengthMax} characters.`)
  const [delegate, grant, ...more] = text.split('\n')
  if (delegate === undefined || grant === undefined || more.length > 0) {
    throw invalid('grant', 'It is no certificate and grant, one on each of two lines.')
  }
  return { delegate, grant }
}

const format = 1

/** The bytes of `grant.json`. */
export const encodeGrantFile = ({ delegate, grant }: ChainText): Buffer =>
  Buffer.from(`${JSON.stringify({ format, delegate, grant })}\n`)

/** @throws SlurpError GRANT_INVALID, or FORMAT_UNKNOWN for one of a later release. */
export function decodeGrantFile(bytes: Uint8Array): ChainText {
  const json = objectFrom(bytes)
  if (json.format !== format) {
    throw new SlurpError('FORMAT_UNKNOWN', 'A file of a grant has a format that this release does not know.')
  }
  return splitChain(`${json.delegate}\n${json.grant}`)
}

function objectFrom(bytes: Uint8Array): Record<string, unknown> {
  try {
    const json: unknown =
      bytes.length <= 2 * chainLengthMax ? JSON.parse(Buffer.from(bytes).toString('utf8')) : null
    if (typeof json === 'object' && json !== null) return json as Record<string, unknown>
  } catch (failure) {
    if (!(failure instanceof SyntaxError)) throw failure
  }
  throw invalid('grant', 'Its file is no JSON object.')
}
