import { createHash } from 'node:crypto'
import type { ContextKey, RoleName, Version } from '../../../base/ids.ts'
import type { Random } from '../../../base/random.ts'
import type { IndexDocument } from '../../../node/search/api.ts'

const vocabularySize = 60_000
/** Words of one syllable. */
const shortWords = 3_000
const onsets = 'b c d f g h j k l m n p r s t v w st tr pr pl gr br cl cr fl sh ch th sp'.split(' ')
const vowels = 'a e i o u a e i o u ea ou ai io ee'.split(' ')
const codas = ',,,,,,n,r,s,t,l,m,d,nt,st,ck'.split(',')
const endings = ',,,,,,s,ed,ing,er,ly'.split(',')

/**
 * Words by how common they are, the common ones shorter, made of syllables as English has them, so that prefixes, stems and
 * misspellings mean something.
 */
export function makeVocabulary(random: Random): string[] {
  const words = new Set<string>()
  const syllable = () => random.pick(onsets) + random.pick(vowels) + random.pick(codas)
  while (words.size < vocabularySize) {
    const length = words.size < shortWords ? 1 : 2 + random.below(2)
    const stem = Array.from({ length }, syllable).join('')
    if (stem.length > 3) words.add(stem + random.pick(endings))
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

const statuses = ['accepted', 'proposed', 'superseded'] as const

/** A context of about 1 KB of text, with all fields, as it is stored. */
export function makeContext(random: Random, words: readonly string[], number: number) {
  const text = (count: number) => Array.from({ length: count }, () => zipf(random, words)).join(' ')
  return {
    project: `project-${random.below(12)}`,
    path: `src/${zipf(random, words)}/${zipf(random, words)}/${number}.ts`,
    task: `task-${random.below(300)}`,
    agent: `agent-${random.below(60)}`,
    createdAt: new Date(1_600_000_000_000 + random.below(1_000_000) * 100_000).toISOString(),
    tags: [`tag-${random.below(200)}`, `tag-${random.below(200)}`],
    technologies: [`tech-${random.below(80)}`],
    title: text(6),
    summary: text(18),
    purpose: text(11),
    insights: [text(7), text(7)],
    content: text(82),
    decision: { reason: text(6), status: random.pick(statuses), confidence: random.below(100) / 100 },
    roles: random.pick([
      ['developer'],
      ['developer', 'architect'],
      ['developer', 'devops'],
      ['developer', 'tester'],
    ]),
  }
}

export type BenchContext = ReturnType<typeof makeContext>

/** The same as the feed of an index hands it in. */
export function indexed(context: BenchContext, number: number): IndexDocument {
  const { decision, createdAt, roles, ...rest } = context
  return {
    ...rest,
    key: createHash('sha256').update(String(number)).digest('hex') as ContextKey,
    version: `${(1_700_000_000_000 + number).toString(16).padStart(12, '0')}000000000000` as Version,
    address: `ucxl://any:any@${context.project}:any/*^/${context.path}`,
    partition: number % 256,
    roles: roles as RoleName[],
    writtenMs: 1_700_000_000_000 + number,
    createdMs: Date.parse(createdAt),
    author: `peer-${number % 5}`,
    signed: true,
    status: decision.status,
    confidence: decision.confidence,
  }
}
