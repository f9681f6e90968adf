import { readdirSync, readFileSync } from 'node:fs'
import { join, posix } from 'node:path'
import { fileURLToPath } from 'node:url'

export type Import = {
  /** As written: a relative path, `node:fs` or the name of a package. */
  readonly specifier: string
  /** Path from the root of the project; null for packages and built-ins. */
  readonly file: string | null
  readonly typesOnly: boolean
}

export type Source = {
  /** From the root of the project, with `/`. */
  readonly path: string
  readonly text: string
  /** The text with comments, regular expressions and the contents of strings blanked out; as long as the text. */
  readonly code: string
  readonly imports: readonly Import[]
}

export const root = fileURLToPath(new URL('../..', import.meta.url))
const notOurs = new Set(['node_modules', 'dist', '.git', '.slurp'])

/** Paths of all files of the project, whatever git knows of them. */
export function projectFiles(): string[] {
  const walk = (folder: string): string[] =>
    readdirSync(join(root, folder), { withFileTypes: true }).flatMap(entry => {
      const path = posix.join(folder, entry.name)
      if (notOurs.has(entry.name)) return []
      if (entry.isDirectory()) return walk(path)
      return entry.isFile() ? [path] : []
    })
  return walk('')
}

export const readProjectFile = (path: string): string => readFileSync(join(root, path), 'utf8')

export function sourceFrom(path: string, text: string): Source {
  const code = codeOf(text)
  return { path, text, code, imports: importsOf(path, text, code) }
}

/** Blanks all that is no code; `${…}` inside a template is code. */
export function codeOf(text: string): string {
  const out = text.split('')
  const blank = (from: number, to: number) => {
    for (let i = from; i < to; i++) if (out[i] !== '\n') out[i] = ' '
  }
  // Depth of braces at which each open `${` of a template closes.
  const templates: number[] = []
  let braces = 0
  let last = ''
  let at = 0
  const skipTemplate = (from: number): number => {
    let end = from
    while (end < text.length && text[end] !== '`' && !text.startsWith('${', end)) {
      end += text[end] === '\\' ? 2 : 1
    }
    blank(from, end)
    if (text[end] === '`') return end + 1
    templates.push(braces)
    braces++
    return end + 2
  }
  while (at < text.length) {
    const char = text[at]!
    const begin = at
    if (text.startsWith('//', at)) {
      while (at < text.length && text[at] !== '\n') at++
      blank(begin, at)
    } else if (text.startsWith('/*', at)) {
      const close = text.indexOf('*/', at + 2)
      at = close < 0 ? text.length : close + 2
      blank(begin, at)
    } else if (char === "'" || char === '"') {
      at++
      while (at < text.length && text[at] !== char && text[at] !== '\n') at += text[at] === '\\' ? 2 : 1
      blank(begin + 1, at)
      at++
      last = char
    } else if (char === '`') {
      at = skipTemplate(at + 1)
      last = char
    } else if (char === '}' && templates.at(-1) === braces - 1) {
      templates.pop()
      braces--
      at = skipTemplate(at + 1)
      last = '`'
    } else if (char === '/' && startsRegex(text, at, last)) {
      at = endOfRegex(text, at)
      blank(begin + 1, at - 1)
      last = '/'
    } else {
      if (char === '{') braces++
      if (char === '}') braces--
      if (!/\s/.test(char)) last = char
      at++
    }
  }
  return out.join('')
}

/** A slash divides after a value and starts a regular expression elsewhere. */
function startsRegex(text: string, at: number, last: string): boolean {
  if (last === '' || '(,=:[!&|?{};+-*%~^<>'.includes(last)) return true
  return /\b(return|typeof|case|in|of)\s*$/.test(text.slice(Math.max(0, at - 12), at))
}

function endOfRegex(text: string, from: number): number {
  let inClass = false
  for (let at = from + 1; at < text.length && text[at] !== '\n'; at++) {
    if (text[at] === '\\') at++
    else if (text[at] === '[') inClass = true
    else if (text[at] === ']') inClass = false
    else if (text[at] === '/' && !inClass) return at + 1
  }
  return from + 1
}

/** `import … from`, `export … from`, bare `import`, `import()` as a call and as a type. */
function importsOf(path: string, text: string, code: string): Import[] {
  const found: Import[] = []
  for (const match of code.matchAll(/\b(?:from|import)\s*\(?\s*(['"])/g)) {
    const start = match.index + match[0].length
    const specifier = text.slice(start, code.indexOf(match[1]!, start))
    const statement = code.slice(code.lastIndexOf('\n', lastStatementStart(code, match.index)) + 1, start)
    found.push({
      specifier,
      file: specifier.startsWith('.') ? posix.join(posix.dirname(path), specifier) : null,
      typesOnly: /^\s*(import|export)\s+type\b/.test(statement),
    })
  }
  return found
}

/** Where the `import` or `export` stands that the `from` at `at` belongs to. */
function lastStatementStart(code: string, at: number): number {
  return Math.max(code.lastIndexOf('\nimport', at), code.lastIndexOf('\nexport', at), 0) + 1
}
