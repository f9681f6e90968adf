import { SlurpError } from '../../base/errors.ts'

const utf8 = new TextDecoder('utf-8', { fatal: true })

/** The JSON value of a body. @throws SlurpError JSON_INVALID; the message never quotes the body. */
export function parseJson(body: Uint8Array): unknown {
  let text: string
  try {
    text = utf8.decode(body)
  } catch (cause) {
    throw new SlurpError('JSON_INVALID', 'The body is not UTF-8.', { cause })
  }
  if (text.trim() === '') throw new SlurpError('JSON_INVALID', 'The body is empty.')
  try {
    return JSON.parse(text)
  } catch (cause) {
    const position = cause instanceof Error ? /at position (\d+)/.exec(cause.message)?.[1] : undefined
    const place = position === undefined ? '' : ` at character ${position}`
    throw new SlurpError('JSON_INVALID', `The body is not valid JSON${place}.`, { cause })
  }
}
