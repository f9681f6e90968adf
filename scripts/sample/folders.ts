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
import { byText } from './tree.ts'

/** What one folder is for: its row in the architecture where it has one, and what lies in it. Applies to everything below. */
export function folderRecord(
  path: string,
  houses: ReadonlyMap<string, House>,
  below: readonly SampleRecord[],
): SampleRecord {
  const own = houses.get(path)
  const house = houseOf(houses, path)
  const inside = below.filter(record => record.path.startsWith(`${path}/`))
  const direct = inside.filter(record => !record.path.slice(path.length + 1).includes('/'))
  const parent = path.slice(0, Math.max(0, path.lastIndexOf('/')))
  const names = direct.map(record => record.path.slice(path.length + 1)).join(', ')
  const summary = own
    ? `${path}: ${own.holds}.`
    : `${path} holds ${names || `${inside.length} files in folders`}.`
  return {
    path,
    kind: 'folder',
    project: 'slurp',
    task: slug(path),
    agent: author,
    version: 1,
    createdAt: releasedAt,
    title: `${path}/`,
    summary: shorten(summary, summaryCharsMax),
    purpose: shorten(purposeOf(path, parent, house), purposeCharsMax),
    technologies: mostUsed(inside),
    tags: [...path.split('/'), ...(house?.pure ? ['pure'] : [])],
    insights: [
      ...(house
        ? [
            house.pure
              ? 'Pure: takes time and randomness as data, knows no promise, no timer and no package.'
              : 'Not pure: may wait, read clocks and use packages.',
            `May import: ${house.mayImport}.`,
          ]
        : []),
      ...direct.map(record => `${record.path.slice(path.length + 1)}: ${record.summary}`),
    ]
      .slice(0, insightsMax)
      .map(text => shorten(text, insightCharsMax)),
    content: [
      `# ${path}/`,
      '',
      ...direct.map(record => `- ${record.path.slice(path.length + 1)}: ${record.summary}`),
      '',
    ].join('\n'),
    appliesToChildren: 'descendants',
    decision: {
      reason: 'A folder holds one idea and its name says which',
      status: null,
      follows: [],
      supersedes: null,
    },
    roles: rolesFor(path),
  }
}

function purposeOf(path: string, parent: string, house: House | null): string {
  if (path === 'test' || path.startsWith('test/')) return 'Tests mirror the source tree.'
  if (house) return `Part of the house that holds ${house.holds}.`
  return parent === '' ? 'A part of the project.' : `Part of ${parent}.`
}

function mostUsed(records: readonly SampleRecord[]): string[] {
  const uses = new Map<string, number>()
  for (const record of records)
    for (const name of record.technologies) uses.set(name, (uses.get(name) ?? 0) + 1)
  return [...uses]
    .sort(([a, most], [b, more]) => more - most || byText(a, b))
    .slice(0, technologiesMax)
    .map(([name]) => name)
}
