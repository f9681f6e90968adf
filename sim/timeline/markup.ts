const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

/** Text as it may stand in an element or an attribute; what no document may contain becomes a question mark. */
export const escaped = (text: string): string =>
  [...text]
    .map(letter => entities[letter] ?? (isControl(letter) ? '?' : letter))
    .join('')
    .toWellFormed()

const isControl = (letter: string): boolean => letter < ' ' && letter !== '\n' && letter !== '\t'

type Attributes = Readonly<Record<string, string | number>>

/** One element of SVG or HTML; `content` is markup already. */
export function element(name: string, attributes: Attributes, content?: string): string {
  const written = Object.entries(attributes).map(([key, value]) => ` ${key}="${escaped(String(value))}"`)
  return content === undefined
    ? `<${name}${written.join('')}/>`
    : `<${name}${written.join('')}>${content}</${name}>`
}

export const textElement = (name: string, attributes: Attributes, text: string): string =>
  element(name, attributes, escaped(text))
