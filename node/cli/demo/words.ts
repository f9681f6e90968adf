import { SlurpError } from '../../../base/errors.ts'

/**
 * Splits a typed line into words as a shell does with quotes and backslashes, and nothing else.
 *
 * @throws SlurpError USAGE when a quote is not closed.
 */
export function splitWords(line: string): string[] {
  const words: string[] = []
  let word: string | null = null
  let quote: string | null = null
  for (let i = 0; i < line.length; i++) {
    const letter = line.charAt(i)
    if (quote === "'" ? letter !== "'" : letter === '\\' ? false : quote !== null && letter !== quote) {
      word = (word ?? '') + letter
    } else if (quote !== null && letter === quote) {
      quote = null
    } else if (letter === '\\') {
      i += 1
      word = (word ?? '') + line.charAt(i)
    } else if (letter === '"' || letter === "'") {
      quote = letter
      word ??= ''
    } else if (/\s/.test(letter)) {
      if (word !== null) words.push(word)
      word = null
    } else {
      word = (word ?? '') + letter
    }
  }
  if (quote !== null) throw new SlurpError('USAGE', `A ${quote} is not closed.`)
  if (word !== null) words.push(word)
  return words
}
