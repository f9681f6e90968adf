import {
  author,
  insightCharsMax,
  insightsMax,
  purposeCharsMax,
  releasedAt,
  type SampleRecord,
  shorten,
  slug,
  summaryCharsMax,
  titleCharsMax,
} from './record.ts'
import { rolesFor } from './roles.ts'

export type Section = { readonly heading: string; readonly text: string }

export type Page = {
  readonly title: string
  /** Between the title and the first section. */
  readonly front: string
  readonly sections: readonly Section[]
}

/** Takes a Markdown page apart at its headings of the first and second level; fenced blocks are left alone. */
export function readPage(text: string): Page {
  let title = ''
  let fenced = false
  const parts: { heading: string; lines: string[] }[] = [{ heading: '', lines: [] }]
  for (const line of text.split('\n')) {
    if (line.startsWith('```')) fenced = !fenced
    const heading = fenced ? null : /^(#{1,2}) (.*)$/.exec(line)
    if (heading?.[1] === '#' && title === '') title = heading[2] ?? ''
    else if (heading) parts.push({ heading: heading[2] ?? '', lines: [] })
    else parts.at(-1)?.lines.push(line)
  }
  const [front, ...sections] = parts.map(part => ({
    heading: part.heading,
    text: part.lines.join('\n').trim(),
  }))
  return { title, front: front?.text ?? '', sections }
}

/** The first paragraph that is text: no table, list, code or link line. On one line. */
export function firstParagraph(text: string): string {
  const paragraphs = text.replace(/```[\s\S]*?```/g, '').split(/\n\s*\n/)
  const found = paragraphs.find(each => /^[A-Za-z`*_"(]/.test(each.trim()) && !each.trim().startsWith('* '))
  return (found ?? '').replace(/\s+/g, ' ').trim()
}

/** A page that people read: README, a guide, a reference. */
export function pageRecord(path: string, text: string): SampleRecord {
  const page = readPage(text)
  const all = [page.front, ...page.sections.map(section => section.text)]
    .map(firstParagraph)
    .filter(each => each !== '')
  return {
    path,
    kind: 'guide',
    project: 'slurp',
    task: slug(path),
    agent: author,
    version: 1,
    createdAt: releasedAt,
    title: shorten(page.title || path, titleCharsMax),
    summary: shorten(all[0] ?? page.title, summaryCharsMax),
    purpose: shorten(all[1] ?? all[0] ?? page.title, purposeCharsMax),
    technologies: [],
    tags: ['docs', slug(path.slice(path.lastIndexOf('/') + 1)).toLowerCase()],
    insights: page.sections
      .filter(section => firstParagraph(section.text) !== '')
      .slice(0, insightsMax)
      .map(section => shorten(`${section.heading}: ${firstParagraph(section.text)}`, insightCharsMax)),
    content: text,
    decision: {
      reason: 'A document that contradicts the code is a bug',
      status: null,
      follows: [],
      supersedes: null,
    },
    roles: rolesFor(path),
  }
}
