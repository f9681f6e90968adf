/** The roles of a new fleet that the samples are sealed to. */
export type SampleRole = 'admin' | 'architect' | 'developer' | 'devops' | 'manager' | 'security' | 'tester'

export const everyRole: readonly SampleRole[] = [
  'admin',
  'architect',
  'developer',
  'devops',
  'manager',
  'security',
  'tester',
]

/** One line of the sample: one version of what the project knows about one path of itself. */
export type SampleRecord = {
  readonly path: string
  readonly kind: 'source' | 'folder' | 'decision' | 'guide'
  readonly project: 'slurp'
  readonly task: string
  readonly agent: string
  /** From 1 without gaps for each path. */
  readonly version: number
  readonly createdAt: string
  readonly title: string
  readonly summary: string
  readonly purpose: string
  readonly technologies: readonly string[]
  readonly tags: readonly string[]
  readonly insights: readonly string[]
  readonly content: string
  readonly appliesToChildren?: 'descendants'
  readonly decision: {
    readonly reason: string
    readonly status: string | null
    /** Paths in this sample. */
    readonly follows: readonly string[]
    /** Path in this sample, null for nothing. */
    readonly supersedes: string | null
  }
  readonly roles: readonly SampleRole[]
}

export const author = 'slurp-authors'

/** Fixed, so that the sample changes only when the project does: the day of the first release. */
export const releasedAt = '2026-11-21T00:00:00Z'

export const titleCharsMax = 200
export const summaryCharsMax = 600
export const purposeCharsMax = 500
export const insightCharsMax = 300
export const insightsMax = 8
export const technologiesMax = 8

/** Cuts at a word, and says so. */
export function shorten(text: string, charsMax: number): string {
  if (text.length <= charsMax) return text
  const cut = text.slice(0, charsMax - 1)
  return `${cut.slice(0, Math.max(cut.lastIndexOf(' '), charsMax / 2))}…`
}

/** `node/driver/codec` is `node-driver-codec`. */
export const slug = (path: string): string => path.replace(/\.[a-z]+$/, '').replace(/[^A-Za-z0-9]+/g, '-')
