import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const page = fileURLToPath(new URL('../../docs/BENCHMARKS.md', import.meta.url))

type Page = { readonly opening: string; readonly sections: readonly string[] }

/**
 * Puts sections of docs/BENCHMARKS.md in the place of those with the same heading: each stage writes its own, and what
 * somebody wrote by hand stays.
 *
 * @param made - Markdown; what comes before its first heading of the second level takes the place of the opening.
 */
export function writeSections(made: string): void {
  const [old, fresh] = [partsOf(readFileSync(page, 'utf8')), partsOf(made)]
  const byHeading = new Map(
    [...old.sections, ...fresh.sections].map(section => [headingOf(section), section]),
  )
  const opening = fresh.opening === '' ? old.opening : fresh.opening
  writeFileSync(page, `${[opening, ...byHeading.values()].join('\n\n')}\n`)
}

function partsOf(text: string): Page {
  const [opening = '', ...sections] = text.split(/^(?=## )/m).map(part => part.trim())
  return opening.startsWith('## ') ? { opening: '', sections: [opening, ...sections] } : { opening, sections }
}

const headingOf = (section: string): string => section.split('\n', 1)[0]!

/** A table in Markdown, of rows of which the first is the head: texts, then figures. */
export const table = ([head = [], ...rows]: readonly (readonly string[])[]): string =>
  [head, head.map((_, i) => (i === 0 ? '---' : '---:')), ...rows]
    .map(cells => `| ${cells.join(' | ')} |`)
    .join('\n')
