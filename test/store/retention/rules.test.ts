// Goal: rules survive their bytes, bad ones are refused with a stable code, and bytes that are none never become rules.
// Method: random rules; bytes of others.
import { deepEqual, equal, throws } from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { SlurpError } from '../../../base/errors.ts'
import {
  ageMaxSeconds,
  projectRulesMax,
  RetentionRules,
  versionsKeptMax,
} from '../../../node/store/retention/rules.ts'

const rule = fc.record({
  versions: fc.option(fc.integer({ min: 1, max: versionsKeptMax })),
  ageSeconds: fc.option(fc.integer({ min: 1, max: ageMaxSeconds })),
})
const name = fc
  .stringMatching(/^[a-z0-9 äß._-]{1,20}$/)
  .filter(text => /^[a-z0-9äß_-].*[a-z0-9äß_-]$/.test(text))
const refusedAs = (code: string) => (thrown: unknown) => thrown instanceof SlurpError && thrown.code === code

test('rules are what they were once they are read back, in one order', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(name, rule), { maxLength: 8 }), rule, (entries, fallback) => {
      const made = (all: typeof entries) =>
        all.reduce(
          (rules, [project, each]) => rules.with(project, each),
          RetentionRules.none.with(null, fallback),
        )
      const rules = made(entries)
      const read = RetentionRules.decode(rules.encode())
      deepEqual(read.list(), rules.list())
      deepEqual(read.limits, rules.limits)
      const once = [...new Map(entries)]
      deepEqual(made(once.toReversed()).encode(), rules.encode())
      const gone = once.reduce((left, [project]) => left.with(project, null), rules)
      deepEqual(gone.list(), { default: { ...fallback }, projects: [] })
    }),
  )
})

test('a project without a rule has the default; limits that keep everything limit nothing', () => {
  const keepAll = { versions: null, ageSeconds: null }
  const rules = RetentionRules.none.with('a', { versions: 2, ageSeconds: 60 }).with('b', keepAll)
  deepEqual(rules.of('a'), { versions: 2, ageMs: 60_000 })
  deepEqual(rules.of('b'), { versions: null, ageMs: null })
  deepEqual(rules.of('c'), { versions: null, ageMs: null })
  equal(rules.limits.length, 1)
  equal(rules.with('d', { versions: 2, ageSeconds: 60 }).limits.length, 1)
})

test('a rule or a name that cannot be is refused', () => {
  const one = { versions: 1, ageSeconds: null }
  for (const versions of [0, -1, 1.5, Number.NaN, versionsKeptMax + 1])
    throws(() => RetentionRules.none.with('a', { versions, ageSeconds: null }), refusedAs('USAGE'))
  for (const ageSeconds of [0, ageMaxSeconds + 1])
    throws(() => RetentionRules.none.with(null, { versions: null, ageSeconds }), refusedAs('USAGE'))
  for (const project of ['', 'x'.repeat(65)])
    throws(() => RetentionRules.none.with(project, one), refusedAs('USAGE'))
  for (const project of ['a/b', '..', ' a', 'a\u0000'])
    throws(() => RetentionRules.none.with(project, one), refusedAs('ADDRESS_INVALID'))
  let full = RetentionRules.none
  full = new RetentionRules(
    full.default,
    new Map(Array.from({ length: projectRulesMax }, (_, at) => [`p${at}`, one])),
  )
  throws(() => full.with('one-more', one), refusedAs('TOO_MANY'))
  equal(full.with('p7', { versions: 9, ageSeconds: null }).of('p7').versions, 9)
  equal(RetentionRules.none.with('e\u0301', one).of('\u00e9').versions, 1)
})

const texts: [string, string][] = [
  ['', 'INTEGRITY_FAILED'],
  ['[]', 'INTEGRITY_FAILED'],
  ['{"format":2}', 'FORMAT_UNKNOWN'],
  ['{"format":1}', 'INTEGRITY_FAILED'],
  ['{"format":1,"default":[null,null],"projects":[["a",0,null]]}', 'INTEGRITY_FAILED'],
  ['{"format":1,"default":[null,null],"projects":[["a/b",1,null]]}', 'INTEGRITY_FAILED'],
  ['{"format":1,"default":[null,null],"projects":[[1,1,null]]}', 'INTEGRITY_FAILED'],
  ['{"format":1,"default":["1",null],"projects":[]}', 'INTEGRITY_FAILED'],
]

test('bytes that are no rules are refused, whatever they are', () => {
  for (const [text, code] of texts)
    throws(() => RetentionRules.decode(Buffer.from(text)), refusedAs(code), text)
  fc.assert(
    fc.property(fc.uint8Array(), bytes =>
      throws(
        () => RetentionRules.decode(bytes),
        (thrown: unknown) => thrown instanceof SlurpError,
      ),
    ),
  )
})
