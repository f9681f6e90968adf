import { SlurpError } from '../../../base/errors.ts'
import { keepsAll, type Retention as Limits } from '../../../replication/retention.ts'
import { checkText, nameCharsMax } from '../address-text.ts'
import { isPlainObject } from '../json-values.ts'
import { wholeNumber } from '../limits.ts'
import type { RetentionList, RetentionRule } from './api.ts'

/** Projects with a rule of their own, at most. */
export const projectRulesMax = 1_000
export const versionsKeptMax = 1_000_000
/** A hundred years. */
export const ageMaxSeconds = 100 * 365 * 24 * 3600

const format = 1
const keepAll: RetentionRule = { versions: null, ageSeconds: null }

/** The rules of a fleet at one moment. A value. */
export class RetentionRules {
  static readonly none = new RetentionRules(keepAll, new Map())

  readonly default: RetentionRule
  /** By name. */
  readonly projects: ReadonlyMap<string, RetentionRule>
  /** Every limit that some project has, each once; none where everything is kept. */
  readonly limits: readonly Limits[]

  constructor(fallback: RetentionRule, projects: ReadonlyMap<string, RetentionRule>) {
    this.default = fallback
    this.projects = new Map([...projects].sort(([a], [b]) => (a < b ? -1 : 1)))
    const all = [fallback, ...this.projects.values()].map(limitsOf).filter(limits => !keepsAll(limits))
    this.limits = [...new Map(all.map(limits => [JSON.stringify(limits), limits])).values()]
  }

  of(project: string): Limits {
    return limitsOf(this.projects.get(project) ?? this.default)
  }

  /** @param project - null: the default. @param rule - null: none of its own. @throws SlurpError USAGE, TOO_MANY. */
  with(project: string | null, rule: RetentionRule | null): RetentionRules {
    const checked = rule === null ? null : checkedRule(rule)
    if (project === null) return new RetentionRules(checked ?? keepAll, this.projects)
    const projects = new Map(this.projects)
    if (checked === null) projects.delete(projectName(project))
    else projects.set(projectName(project), checked)
    if (projects.size > projectRulesMax)
      throw new SlurpError('TOO_MANY', `At most ${projectRulesMax} projects have rules of their own.`, {
        hint: 'Set the default for the others: `slurp retention set --default`.',
      })
    return new RetentionRules(this.default, projects)
  }

  list(): RetentionList {
    const projects = [...this.projects].map(([project, rule]) => ({ project, ...rule }))
    return { default: this.default, projects }
  }

  /** JSON: format, default, projects as [name, versions, ageSeconds]. */
  encode(): Uint8Array {
    const pair = ({ versions, ageSeconds }: RetentionRule) => [versions, ageSeconds]
    const projects = [...this.projects].map(([name, rule]) => [name, ...pair(rule)])
    return Buffer.from(JSON.stringify({ format, default: pair(this.default), projects }))
  }

  /** @throws SlurpError FORMAT_UNKNOWN, INTEGRITY_FAILED. */
  static decode(bytes: Uint8Array): RetentionRules {
    const value = parse(bytes)
    if (!isPlainObject(value)) throw damaged()
    if (value.format !== format)
      throw new SlurpError('FORMAT_UNKNOWN', 'The retention rules were written by a newer SLURP.')
    const { projects } = value
    if (!Array.isArray(projects) || projects.length > projectRulesMax) throw damaged()
    try {
      const named = projects.map(entry => {
        if (!Array.isArray(entry) || typeof entry[0] !== 'string') throw damaged()
        return [projectName(entry[0]), ruleFrom(entry.slice(1))] as const
      })
      return new RetentionRules(ruleFrom(value.default), new Map(named))
    } catch (thrown) {
      if (thrown instanceof SlurpError) throw damaged()
      throw thrown
    }
  }
}

/** The name as addresses have it. @throws SlurpError USAGE. */
export function projectName(text: string): string {
  const name = text.normalize('NFC')
  const what = 'The name of the project'
  if (name === '') throw new SlurpError('USAGE', `${what} is empty.`)
  if ([...name].length > nameCharsMax)
    throw new SlurpError('USAGE', `${what} is longer than ${nameCharsMax} characters.`)
  checkText(name, what)
  return name
}

function checkedRule({ versions, ageSeconds }: RetentionRule): RetentionRule {
  if (versions !== null) wholeNumber(versions, 'versions', 1, versionsKeptMax)
  if (ageSeconds !== null) wholeNumber(ageSeconds, 'ageSeconds', 1, ageMaxSeconds)
  return { versions, ageSeconds }
}

function ruleFrom(pair: unknown): RetentionRule {
  if (!Array.isArray(pair) || pair.length !== 2) throw damaged()
  const [versions, ageSeconds] = pair as [number | null, number | null]
  return checkedRule({ versions, ageSeconds })
}

function limitsOf({ versions, ageSeconds }: RetentionRule): Limits {
  return { versions, ageMs: ageSeconds === null ? null : ageSeconds * 1_000 }
}

function parse(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString('utf8'))
  } catch {
    // The parser's message quotes the text, and that was sealed: nothing of it goes on.
    throw damaged()
  }
}

const damaged = () => new SlurpError('INTEGRITY_FAILED', 'The retention rules of the fleet are damaged.')
