import { createHash } from 'node:crypto'
import type { ContextKey, RoleName, Version } from '../../../base/ids.ts'
import type { Random } from '../../../base/random.ts'
import type { IndexDocument } from '../../../node/search/api.ts'

const vocabularySize = 60_000
const syllables =
  'ba be bi bo bu da de di do du ka ke ki ko ku la le li lo lu ma me mi mo mu na ne ni no nu ra re ri ro ru sa se si so su ta te ti to tu'.split(
    ' ',
  )

/** Words by how common they are, made of syllables, so that prefixes, stems and misspellings mean something. */
export function makeVocabulary(random: Random): string[] {
  const words = new Set<string>()
  while (words.size < vocabularySize) {
    const length = 2 + random.below(3)
    words.add(
      Array.from({ length }, () => random.pick(syllables)).join('') + random.pick(['', '', 's', 'ed', 'ing']),
    )
  }
  return [...words]
}

/** Where stop words would be; the most common of the others is in about every third context. */
const ranksLeftOut = 60

/** A word by the law of Zipf and Mandelbrot: the one of rank r with a probability by 1 / (r + 60). */
export function zipf(random: Random, words: readonly string[]): string {
  const span = Math.log((words.length + ranksLeftOut) / ranksLeftOut)
  const rank = Math.floor(ranksLeftOut * (Math.exp(random.next() * span) - 1))
  return words[Math.min(words.length - 1, rank)]!
}

/** A context of about 1 KB of text, with all fields. */
export function makeContext(random: Random, words: readonly string[], number: number): IndexDocument {
  const text = (count: number) => Array.from({ length: count }, () => zipf(random, words)).join(' ')
  const project = `project-${random.below(12)}`
  const path = `src/${zipf(random, words)}/${zipf(random, words)}/${number}.ts`
  return {
    key: createHash('sha256').update(String(number)).digest('hex') as ContextKey,
    version: `${(1_700_000_000_000 + number).toString(16).padStart(12, '0')}000000000000` as Version,
    address: `ucxl://any:any@${project}:any/*^/${path}`,
    partition: random.below(256),
    roles: random.pick([
      ['developer'],
      ['developer', 'architect'],
      ['developer', 'devops'],
      ['developer', 'tester'],
    ]) as RoleName[],
    writtenMs: 1_700_000_000_000 + number,
    createdMs: 1_600_000_000_000 + random.below(1_000_000) * 100_000,
    author: `peer-${random.below(5)}`,
    signed: true,
    project,
    task: `task-${random.below(300)}`,
    agent: `agent-${random.below(60)}`,
    path,
    status: random.pick(['accepted', 'proposed', 'superseded']),
    confidence: random.next(),
    tags: [`tag-${random.below(200)}`, `tag-${random.below(200)}`],
    technologies: [`tech-${random.below(80)}`],
    title: text(6),
    summary: text(20),
    purpose: text(12),
    insights: [text(8), text(8)],
    content: text(90),
  }
}
