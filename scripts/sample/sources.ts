import { type Exported, readHeader } from './headers.ts'
import { type House, houseOf } from './houses.ts'
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
  technologiesMax,
} from './record.ts'
import { rolesFor } from './roles.ts'

/** What one source file is for, in its own words: its comments and the names that it exports, no bodies. */
export function sourceRecord(path: string, text: string, houses: ReadonlyMap<string, House>): SampleRecord {
  const header = readHeader(path, text)
  const folder = path.slice(0, path.lastIndexOf('/'))
  const house = houseOf(houses, folder)
  const { goal, method } = split(header.about)
  const named = header.exports.map(each => each.name).join(', ')
  const purpose = method || (house ? `Part of ${folder}: ${house.holds}.` : `Part of ${folder}.`)
  return {
    path,
    kind: 'source',
    project: 'slurp',
    task: slug(folder),
    agent: author,
    version: 1,
    createdAt: releasedAt,
    title: path,
    summary: shorten(
      goal || (named === '' ? `Code in ${folder} that runs and exports nothing.` : `Exports ${named}.`),
      summaryCharsMax,
    ),
    purpose: shorten(purpose, purposeCharsMax),
    technologies: ['TypeScript', ...header.packages].slice(0, technologiesMax),
    tags: [
      ...folder.split('/'),
      ...(house?.pure ? ['pure'] : []),
      ...header.rules.map(rule => `rule-${rule}`),
    ],
    insights: header.exports
      .filter(each => each.says !== '')
      .slice(0, insightsMax)
      .map(each => shorten(`${each.name}: ${each.says}`, insightCharsMax)),
    content: outline(path, header.about, header.exports),
    decision: {
      reason: 'One idea a file',
      status: null,
      follows: [],
      supersedes: null,
    },
    roles: rolesFor(path),
  }
}

/** A test opens with its goal and its method. */
function split(about: string): { goal: string; method: string } {
  const found = /^Goal: (.*?)(?: Method: (.*))?$/.exec(about)
  return found
    ? { goal: capital(found[1] ?? ''), method: capital(found[2] ?? '') }
    : { goal: about, method: '' }
}

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1)

function outline(path: string, about: string, exports: readonly Exported[]): string {
  const lines = [`# ${path}`, '']
  if (about !== '') lines.push(about, '')
  for (const { kind, name, says } of exports)
    lines.push(`- ${kind} \`${name}\`${says === '' ? '' : `: ${says}`}`)
  return `${lines.join('\n').trimEnd()}\n`
}
