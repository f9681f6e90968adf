// Goal: what a writer sends is either kept whole or refused with the field's name. Method: examples of each cap
// and rule, every real import record, and arbitrary JSON.
import { deepEqual, equal, match, ok, throws } from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { SlurpError } from '../../base/errors.ts'
import { recordToContext } from '../../node/store/import-record.ts'
import { checkContext, parseContext } from '../../node/store/schema.ts'
import { realRecords } from './real-records.ts'

const refusal = (input: unknown, bytesMax?: number): SlurpError => {
  try {
    checkContext(input, bytesMax)
  } catch (thrown) {
    ok(thrown instanceof SlurpError, String(thrown))
    return thrown
  }
  throw new Error('accepted')
}

test('every real record is kept whole: its fields read back equal, two of them under metadata', async () => {
  for (const record of await realRecords()) {
    const { context, roles } = recordToContext(record)
    const { json } = checkContext(context)
    const { metadata, ...fields } = JSON.parse(json)
    deepEqual({ ...fields, ...metadata, roles }, record)
    deepEqual(metadata, { version: record.version, sourceRevisions: record.sourceRevisions })
  }
})

test('nulls stay where the data has them', () => {
  const context = {
    decision: { reason: null, status: null, supersedes: null, author: null, confidence: null },
  }
  deepEqual(parseContext(context), context)
})

test('unknown fields go under metadata, beside what is there', () => {
  deepEqual(parseContext({ title: 't', version: 3, extra: { a: [1] }, metadata: { kept: true } }), {
    title: 't',
    metadata: { kept: true, version: 3, extra: { a: [1] } },
  })
  deepEqual(parseContext({ title: 't', summary: undefined }), { title: 't' })
})

test('a refusal names the field', () => {
  const cases: [unknown, RegExp][] = [
    [null, /The context must be a JSON object/],
    [[], /must be a JSON object/],
    ['text', /must be a JSON object/],
    [{ title: 7 }, /"title" must be a text/],
    [{ title: null }, /"title" must be a text/],
    [{ title: 'x'.repeat(1025) }, /"title" is longer than 1024/],
    [{ tags: 'one' }, /"tags" must be a list/],
    [{ tags: ['a', 1] }, /"tags\[1\]" must be a text/],
    [{ tags: Array(1025).fill('x') }, /"tags" has more than 1024 entries/],
    [{ decision: { confidence: 2 } }, /"decision.confidence" must lie between/],
    [{ decision: { follows: [null] } }, /"decision.follows\[0\]" must be a text/],
    [{ decision: [] }, /"decision" must be an object/],
    [{ metadata: [] }, /"metadata" must be an object/],
    [{ metadata: 1, extra: 1 }, /"metadata" must be an object/],
    [{ appliesToChildren: 'all' }, /"appliesToChildren" must be "none"/],
    [{ overridesParent: 'yes' }, /"overridesParent" must be true or false/],
    [{ createdAt: 'yesterday' }, /"createdAt" must be an ISO date/],
    [{ createdAt: '2026-13-01' }, /"createdAt" must be an ISO date/],
    [{ version: 1, metadata: { version: 2 } }, /"version" is no field .* metadata has one/],
    [{ roles: ['admin'] }, /"roles" is no part of a context/],
    [{ context: {} }, /"context" has a reserved name/],
    [JSON.parse('{"__proto__":{"x":1}}'), /"__proto__" has a reserved name/],
    [
      JSON.parse('{"metadata":{"a":[{"constructor":1}]}}'),
      /"metadata.a\[0\].constructor" has a reserved name/,
    ],
    [{ decision: JSON.parse('{"prototype":1}') }, /"decision.prototype" has a reserved name/],
    [{ metadata: { when: new Date() } }, /"metadata.when" is not a plain JSON object/],
    [{ metadata: { n: Number.NaN } }, /"metadata.n" is not a finite number/],
    [{ metadata: { big: 1n } }, /"metadata.big" holds what JSON cannot: bigint/],
    [{ metadata: { run: () => 1 } }, /"metadata.run" holds what JSON cannot: function/],
    [{ metadata: { list: [undefined] } }, /"metadata.list\[0\]" holds what JSON cannot: undefined/],
    [{ ['n'.repeat(257)]: 1 }, /a name longer than 256/],
  ]
  for (const [input, message] of cases) {
    const thrown = refusal(input)
    equal(thrown.code, 'CONTEXT_INVALID')
    match(thrown.message, message)
  }
})

test('a refusal never repeats a value', () => {
  match(refusal({ createdAt: 'canary-value' }).message, /^(?!.*canary)/)
  match(refusal({ overridesParent: 'canary-value' }).message, /^(?!.*canary)/)
})

test('depth and size are bounded, circles too', () => {
  const nested = (levels: number): unknown => (levels === 0 ? 1 : { a: nested(levels - 1) })
  parseContext({ metadata: nested(31) })
  match(refusal({ metadata: nested(32) }).message, /nested deeper than 32 levels/)
  const circle: Record<string, unknown> = {}
  circle.self = circle
  equal(refusal({ metadata: circle }).code, 'CONTEXT_INVALID')
  equal(refusal({ metadata: { list: Array(2000).fill(0) } }, 1000).code, 'TOO_LARGE')
})

test('the whole JSON counts, in bytes of UTF-8', () => {
  const bytesOf = (content: string) => Buffer.byteLength(JSON.stringify({ content }))
  const content = 'é'.repeat(490)
  equal(checkContext({ content }, bytesOf(content)).bytes, bytesOf(content))
  const thrown = refusal({ content }, bytesOf(content) - 1)
  equal(thrown.code, 'TOO_LARGE')
  match(thrown.message, /has 994 bytes of JSON; at most 993/)
})

test('any JSON object is stored whole or refused with a code of its own', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), input => {
      let json: string
      try {
        json = checkContext(input).json
      } catch (thrown) {
        ok(thrown instanceof SlurpError && thrown.code === 'CONTEXT_INVALID')
        return
      }
      const { metadata = {}, ...fields } = JSON.parse(json)
      deepEqual({ ...fields, ...metadata }, JSON.parse(JSON.stringify(input)))
    }),
  )
})

test('who may read an import record is no part of its context', () => {
  deepEqual(recordToContext({ title: 't', roles: ['admin'] }), { context: { title: 't' }, roles: ['admin'] })
  deepEqual(recordToContext({ title: 't' }), { context: { title: 't' }, roles: undefined })
  throws(() => recordToContext([]), { code: 'CONTEXT_INVALID' })
  throws(() => recordToContext({ roles: 'admin' }), { code: 'CONTEXT_INVALID', message: /"roles"/ })
  throws(() => recordToContext({ roles: ['Not A Role'] }), { code: 'CONTEXT_INVALID' })
})
