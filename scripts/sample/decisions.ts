import { firstParagraph, readPage } from './pages.ts'
import {
  author,
  insightCharsMax,
  insightsMax,
  purposeCharsMax,
  releasedAt,
  type SampleRecord,
  shorten,
  summaryCharsMax,
  titleCharsMax,
} from './record.ts'
import { rolesFor } from './roles.ts'

type Moment = { readonly date: string; readonly status: string }

export const isDecision = (path: string): boolean => /^docs\/decisions\/\d{3}-[^/]+\.md$/.test(path)

/**
 * One decision record, one version for each line of its status history: what it follows and supersedes comes
 * from its front lines (docs/decisions/README.md says how one is written).
 *
 * @param decisions - paths of all decision records.
 */
export function decisionRecords(path: string, text: string, decisions: readonly string[]): SampleRecord[] {
  const page = readPage(text)
  const front = readFront(page.front)
  const number = path.replace(/^.*\/(\d{3})-.*$/, '$1')
  const isOther = (other: string) => other !== path
  const follows = pathsIn(front.get('follows') ?? '', decisions).filter(isOther)
  const supersedes = pathsIn(front.get('supersedes') ?? '', decisions).find(isOther) ?? null
  const sections = new Map(page.sections.map(section => [section.heading.toLowerCase(), section.text]))
  const choice = firstParagraph(sections.get('choice') ?? sections.get('decision') ?? page.front)
  const context = firstParagraph(sections.get('context') ?? page.front)
  const title = page.title.replace(/^(?:Decision )?\d{3}[.:]? (?:[-–—] )?/, '')
  return momentsOf(front).map((moment, at) => ({
    path,
    kind: 'decision',
    project: 'slurp',
    task: `decision-${number}`,
    agent: author,
    version: at + 1,
    createdAt: moment.date,
    title: shorten(title, titleCharsMax),
    summary: shorten(choice || title, summaryCharsMax),
    purpose: shorten(context || title, purposeCharsMax),
    technologies: [],
    tags: ['decision', `decision-${number}`, `status-${moment.status}`],
    insights: page.sections
      .filter(section => !['context', 'choice', 'decision'].includes(section.heading.toLowerCase()))
      .map(section => `${section.heading}: ${firstParagraph(section.text)}`)
      .slice(0, insightsMax)
      .map(insight => shorten(insight, insightCharsMax)),
    content: text,
    decision: {
      reason: at === 0 ? title : `${title}: ${moment.status}`,
      status: moment.status,
      follows,
      supersedes,
    },
    roles: rolesFor(path),
  }))
}

/** `- Date: …`, `**Date:** …` or `Date: …`, by name in lower case. */
function readFront(front: string): Map<string, string> {
  const lines = new Map<string, string>()
  for (const line of front.split('\n')) {
    const found = /^(?:[-*] )?\**([A-Z][a-z]+(?: [a-z]+)?)\**:\**\s*(.*)$/.exec(line.trim())
    if (found) lines.set((found[1] ?? '').toLowerCase(), (found[2] ?? '').trim())
  }
  return lines
}

/** Every date with a status, oldest first; at least the one that holds now. */
function momentsOf(front: ReadonlyMap<string, string>): Moment[] {
  const fallback = dateIn(front.get('date') ?? '') ?? releasedAt
  const status = /^[a-z]+/i.exec(front.get('status') ?? '')?.[0].toLowerCase() ?? 'accepted'
  const moments: Moment[] = []
  for (const part of (front.get('status history') ?? '').split(/[,;]/)) {
    const word = /\b(proposed|accepted|rejected|superseded|revised)\b/i.exec(part)?.[0].toLowerCase()
    if (word) moments.push({ date: dateIn(part) ?? fallback, status: word })
  }
  return moments.length > 0 ? moments : [{ date: fallback, status }]
}

function dateIn(text: string): string | null {
  const found = /\d{4}-\d{2}-\d{2}/.exec(text)
  return found ? `${found[0]}T00:00:00Z` : null
}

/** Records named by number: `020`, `[020](020-…md)` or the file's name. */
function pathsIn(text: string, decisions: readonly string[]): string[] {
  const numbers = new Set(text.match(/\b\d{3}\b/g) ?? [])
  return decisions.filter(path => numbers.has(path.replace(/^.*\/(\d{3})-.*$/, '$1')))
}
