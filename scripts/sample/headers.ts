/** What a source file says about itself without its bodies. */
export type Header = {
  /** Comment that speaks for the whole file, or the docstring of what the file is named after; empty for neither. */
  readonly about: string
  readonly exports: readonly Exported[]
  /** Packages that it imports, `node:` modules included. */
  readonly packages: readonly string[]
  /** Numbers of the replication rules that it cites. */
  readonly rules: readonly number[]
}

export type Exported = { readonly kind: string; readonly name: string; readonly says: string }

const declaration =
  /^export (?:default )?(?:declare )?(?:async )?(?:abstract )?(function\*?|const|let|class|type|interface) ([A-Za-z0-9_$]+)/

/** Reads imports, docstrings and the names of exports; good for sources that a formatter laid out. */
export function readHeader(path: string, text: string): Header {
  const lines = text.split('\n')
  const exports: Exported[] = []
  let comment = ''
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i] ?? ''
    if (line.startsWith('/**')) {
      const end = lines.findIndex((each, at) => at >= i && each.includes('*/'))
      comment = docText(lines.slice(i, end + 1))
      i = end
      continue
    }
    const found = declaration.exec(line)
    if (found) exports.push({ kind: found[1] ?? '', name: found[2] ?? '', says: comment })
    comment = ''
  }
  return {
    about: leadingComment(lines) || ofNamesake(path, exports) || firstComment(lines) || commandSummary(text),
    exports,
    packages: packagesOf(text),
    rules: rulesOf(text),
  }
}

/** The part of a docstring before its tags, on one line. */
function docText(lines: readonly string[]): string {
  const plain = lines.map(line =>
    line
      .replace(/^\s*\/\*\*\s?/, '')
      .replace(/\s*\*\/\s*$/, '')
      .replace(/^\s*\*\s?/, ''),
  )
  const tag = plain.findIndex(line => /^@[a-z]/.test(line))
  return joined(tag < 0 ? plain : plain.slice(0, tag))
}

/** `//` lines at the top; or a docstring there that belongs to no export. */
function leadingComment(lines: readonly string[]): string {
  const start = lines[0]?.startsWith('#!') ? 1 : 0
  const end = lines.findIndex((line, at) => at >= start && !line.startsWith('//'))
  if (end > start) return joined(lines.slice(start, end).map(line => line.replace(/^\/\/\s?/, '')))
  if (!lines[start]?.startsWith('/**')) return ''
  const close = lines.findIndex((line, at) => at >= start && line.includes('*/'))
  return lines[close + 1]?.startsWith('export ') ? '' : docText(lines.slice(start, close + 1))
}

/** The first `//` lines outside of any body: in a test the goal of its first case. */
function firstComment(lines: readonly string[]): string {
  const start = lines.findIndex(line => line.startsWith('// ') && !line.startsWith('// biome-ignore'))
  if (start < 0) return ''
  const length = lines.slice(start).findIndex(line => !line.startsWith('//'))
  return joined(lines.slice(start, start + length).map(line => line.replace(/^\/\/\s?/, '')))
}

/** What a command of the command line says of itself. */
function commandSummary(text: string): string {
  const found = /\.command\('([a-z]+)'\)\s*\.summary\('([^']+)'\)/.exec(text)
  return found ? `The command \`slurp ${found[1]}\`: ${found[2]}.` : ''
}

/** What is named like the file, else its class, else the first export that says something. */
function ofNamesake(path: string, exports: readonly Exported[]): string {
  const name = path
    .slice(path.lastIndexOf('/') + 1)
    .replace(/\.[a-z.]+$/, '')
    .replaceAll('-', '')
  const spoken = exports.filter(each => each.says !== '')
  const namesake = spoken.find(each => each.name.toLowerCase() === name)
  return (namesake ?? spoken.find(each => each.kind === 'class') ?? spoken[0])?.says ?? ''
}

const joined = (lines: readonly string[]): string => lines.join(' ').replace(/\s+/g, ' ').trim()

function packagesOf(text: string): string[] {
  const found = new Set<string>()
  for (const [, name = ''] of text.matchAll(/(?:from|import\() ?'([@\w][\w@:./-]*)'/g)) {
    const parts = name.split('/')
    found.add(name.startsWith('@') ? parts.slice(0, 2).join('/') : (parts[0] ?? name))
  }
  return [...found].sort()
}

function rulesOf(text: string): number[] {
  const found = new Set<number>()
  for (const [, list = ''] of text.matchAll(/\brules? (\d+(?:(?:, | and | to )\d+)*)/gi)) {
    for (const number of list.match(/\d+/g) ?? []) found.add(Number(number))
  }
  return [...found].filter(rule => rule >= 1 && rule <= 14).sort((a, b) => a - b)
}
