// Goal: an address has one canonical text, parsing and formatting are inverse, and every refusal says what and
// where. Method: examples, a property over arbitrary Unicode names and segments, mutated valid addresses, and
// every path of the real import file.
import { deepEqual, equal, match, ok, throws } from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { SlurpError } from '../../base/errors.ts'
import { type Address, canonicalOf, formatAddress, parseAddress } from '../../node/store/address.ts'
import { defaultAddressTemplate, newAddressTemplate } from '../../node/store/address-template.ts'
import { checkText, readPart } from '../../node/store/address-text.ts'
import type { Temporal } from '../../node/store/temporal.ts'
import { realRecords } from './real-records.ts'

const refusal = (text: string): SlurpError => {
  try {
    parseAddress(text)
  } catch (thrown) {
    ok(thrown instanceof SlurpError, `${text} threw ${thrown}`)
    equal(thrown.code, 'ADDRESS_INVALID')
    return thrown
  }
  throw new Error(`accepted ${text}`)
}

test('an address is taken apart', () => {
  deepEqual(parseAddress('ucxl://any:architect@kubernetes:kep-1287/*^/keps/sig-node/README.md'), {
    agent: 'any',
    role: 'architect',
    project: 'kubernetes',
    task: 'kep-1287',
    temporal: { kind: 'latest' },
    path: ['keps', 'sig-node', 'README.md'],
  })
})

test('each temporal form', () => {
  const of = (segment: string) => parseAddress(`ucxl://a:r@p:t/${segment}/x`).temporal
  deepEqual(of('*~'), { kind: 'first' })
  deepEqual(of('~~0'), { kind: 'back', hops: 0 })
  deepEqual(of('~~12'), { kind: 'back', hops: 12 })
  deepEqual(of('^^3'), { kind: 'forward', hops: 3 })
  deepEqual(of('@2026-03-01'), { kind: 'at', ms: Date.UTC(2026, 2, 1) })
  deepEqual(of('@2026-03-01T12:30Z'), { kind: 'at', ms: Date.UTC(2026, 2, 1, 12, 30) })
  deepEqual(of('@2026-03-01T12:30:05.5+02:00'), { kind: 'at', ms: Date.UTC(2026, 2, 1, 10, 30, 5, 500) })
  deepEqual(of('@2024-02-29'), { kind: 'at', ms: Date.UTC(2024, 1, 29) })
})

test('a missing temporal segment means the latest, and only then', () => {
  const explicit = parseAddress('ucxl://a:r@p:t/*^/src/x')
  deepEqual(parseAddress('ucxl://a:r@p:t/src/x'), explicit)
  deepEqual(parseAddress('ucxl://a:r@p:t/%2A%5E/x').path, ['*^', 'x'])
  equal(formatAddress(parseAddress('ucxl://a:r@p:t/%7E%7E1')), 'ucxl://a:r@p:t/*^/%7E%7E1')
})

test('the root of a project has an empty path', () => {
  for (const text of ['ucxl://a:r@p:t', 'ucxl://a:r@p:t/', 'ucxl://a:r@p:t/*^', 'ucxl://a:r@p:t/*^/'])
    equal(formatAddress(parseAddress(text)), 'ucxl://a:r@p:t/*^/')
})

test('every spelling of one place has one canonical text, without the time', () => {
  const canonical = 'ucxl://a:r@p:t/%C3%BCber/a%20b'
  for (const text of [
    'ucxl://a:r@p:t/über/a%20b',
    'ucxl://a:r@p:t/u\u0308ber/a%20b',
    'ucxl://%61:r@p:t/*~/%c3%bcber/%61%20b',
    'ucxl://a:r@p:t/~~4/u%CC%88ber/a%20b',
  ])
    equal(canonicalOf(parseAddress(text)), canonical, text)
})

test('a refusal says what is wrong and where', () => {
  const cases: [string, RegExp][] = [
    ['http://a:r@p:t/x', /starts with ucxl:/],
    ['UCXL://a:r@p:t/x', /lower case/],
    ['ucxl://a:r@p/x', /four names/],
    ['ucxl://a:r@p:t@q/x', /four names/],
    ['ucxl://a::r@p:t/x', /four names/],
    ['ucxl://a:@p:t/x', /role \(character 10\) is empty/],
    ['ucxl://a:r@p q:t/x', /project \(character 12\) holds U\+0020; write it as %20/],
    [`ucxl://a:r@p:${'t'.repeat(65)}/x`, /task \(character 14\) is longer than 64/],
    ['ucxl://a:r@p:t/*^//x', /Segment 1 of the path \(character 19\) is empty/],
    ['ucxl://a:r@p:t/a/b/', /Segment 3 of the path \(character 20\) is empty: .*end with/],
    ['ucxl://a:r@p:t/a/../b', /Segment 2 of the path \(character 18\) is "\." or/],
    ['ucxl://a:r@p:t/%2e%2E/b', /is "\." or/],
    ['ucxl://a:r@p:t/a%2Fb', /slash/],
    ['ucxl://a:r@p:t/a%5Cb', /slash/],
    ['ucxl://a:r@p%2Fq:t/b', /project .* slash/],
    ['ucxl://a:r@p:t/a\u2215b', /slash/],
    ['ucxl://a:r@p:t/\uff0e\uff0e/b', /is "\." or/],
    ['ucxl://a:r@p:t/a%00', /U\+0000, a control/],
    ['ucxl://a:r@p:t/a%0A', /U\+000A, a control/],
    ['ucxl://a:r@p:t/a\u202eb', /U\+202E/],
    ['ucxl://a:r@p:t/a%E2%80%8Bb', /U\+200B/],
    ['ucxl://a:r@p:t/a\u3164b', /U\+3164/],
    ['ucxl://a:r@p:t/a\u00a0b', /U\+00A0; the only blank/],
    ['ucxl://a:r@p:t/%20a', /space/],
    ['ucxl://a:r@p:t/%CC%88a', /combining mark/],
    ['ucxl://a:r@p:t/a%ff', /not UTF-8/],
    ['ucxl://a:r@p:t/a%C0%AF', /not UTF-8/],
    ['ucxl://a:r@p:t/a%ED%A0%80', /not UTF-8/],
    ['ucxl://a:r@p:t/a%4', /two hex digits/],
    ['ucxl://a:r@p:t/a\ud800', /surrogate/],
    ['ucxl://a:r@p:t/x?y', /holds "\?"; write it as %3F/],
    ['ucxl://a:r@p:t/x#y', /%23/],
    ['ucxl://a:r@p:t/~x', /temporal segment \(character 16\) is none of/],
    ['ucxl://a:r@p:t/~~01/x', /a number from 0/],
    ['ucxl://a:r@p:t/~~1000000/x', /a number from 0/],
    ['ucxl://a:r@p:t/^^/x', /a number from 0/],
    ['ucxl://a:r@p:t/@2026-02-30/x', /calendar/],
    ['ucxl://a:r@p:t/@2026-01-01T24:00Z/x', /calendar/],
    ['ucxl://a:r@p:t/@2026-01-01T12:00/x', /no ISO time/],
    ['ucxl://a:r@p:t/@1969-12-31/x', /calendar/],
    [`ucxl://a:r@p:t/${'x/'.repeat(64)}x`, /65 segments/],
    [`ucxl://a:r@p:t/${'x'.repeat(2048)}`, /at most 2048/],
    [`ucxl://a:r@p:t/${'ü'.repeat(500)}`, /Percent-encoded, the address is longer/],
  ]
  for (const [text, message] of cases) match(refusal(text).message, message, text)
})

const acceptable = (text: string): boolean => {
  try {
    checkText(text, 'it')
    return text !== '' && text.normalize('NFC') === text
  } catch (thrown) {
    ok(thrown instanceof SlurpError)
    return false
  }
}
const part = (maxLength: number) =>
  fc
    .oneof(fc.string({ unit: 'grapheme', minLength: 1, maxLength }), fc.string({ minLength: 1, maxLength }))
    .map(text => text.normalize('NFC'))
    .filter(text => acceptable(text) && [...text].length <= 64)
const temporal: fc.Arbitrary<Temporal> = fc.oneof(
  fc.constantFrom<Temporal>({ kind: 'latest' }, { kind: 'first' }),
  fc.record(
    { kind: fc.constantFrom('back', 'forward'), hops: fc.nat(999_999) },
    { noNullPrototype: true },
  ) as fc.Arbitrary<Temporal>,
  fc.record(
    { kind: fc.constant('at' as const), ms: fc.integer({ min: 0, max: Date.UTC(9999, 0) }) },
    { noNullPrototype: true },
  ),
)
const address: fc.Arbitrary<Address> = fc.record(
  {
    agent: part(12),
    role: part(12),
    project: part(12),
    task: part(12),
    temporal,
    path: fc.array(part(10), { maxLength: 6 }),
  },
  { noNullPrototype: true },
)

test('format then parse gives the address back; parse then format settles at once', () => {
  fc.assert(
    fc.property(address, one => {
      const text = formatAddress(one)
      fc.pre(text.length <= 2048)
      deepEqual(parseAddress(text), one)
      match(text, /^[ -~]+$/)
      equal(canonicalOf(parseAddress(canonicalOf(one))), canonicalOf(one))
      equal(
        formatAddress(parseAddress(canonicalOf(one))),
        formatAddress({ ...one, temporal: { kind: 'latest' } }),
      )
    }),
    { numRuns: 500 },
  )
})

test('places that differ have canonical texts that differ', () => {
  fc.assert(
    fc.property(address, address, (a, b) => {
      const place = ({ temporal: _, ...rest }: Address) => JSON.stringify(rest)
      equal(canonicalOf(a) === canonicalOf(b), place(a) === place(b))
    }),
  )
})

test('whatever is sent is parsed or refused with ADDRESS_INVALID, and what is parsed is settled', () => {
  const pieces = fc.constantFrom(
    ...[
      'ucxl://',
      'a',
      ':',
      '@',
      '/',
      '*^',
      '~~',
      '^^1',
      '@2026-01-01',
      '%',
      '%2F',
      '%00',
      '..',
      '\u202e',
      'ü',
      '\ud800',
      ' ',
    ],
  )
  const anything = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.array(pieces, { maxLength: 20 }).map(list => list.join('')),
    fc
      .tuple(address.map(formatAddress), fc.nat(200), pieces)
      .map(
        ([text, at, piece]) => text.slice(0, at % text.length) + piece + text.slice((at % text.length) + 1),
      ),
  )
  fc.assert(
    fc.property(anything, text => {
      let parsed: Address
      try {
        parsed = parseAddress(text)
      } catch (thrown) {
        ok(thrown instanceof SlurpError && thrown.code === 'ADDRESS_INVALID')
        return
      }
      deepEqual(parseAddress(formatAddress(parsed)), parsed)
    }),
    { numRuns: 2000 },
  )
})

test('a part is normalised before it is checked', () => {
  equal(readPart('e%CC%81', 'it'), '\u00e9')
})

test('every path of the real records fits the default template, one address each', async () => {
  const template = newAddressTemplate(defaultAddressTemplate)
  const places = new Set<string>()
  const paths = new Set<string>()
  for (const record of await realRecords()) {
    const made = template.expand(record)
    equal(made.path.join('/'), record.path)
    equal(made.project, record.project)
    deepEqual(parseAddress(formatAddress(made)), made)
    places.add(canonicalOf(made))
    paths.add(`${record.project} ${record.path}`)
  }
  equal(places.size, 2460)
  equal(paths.size, places.size)
})

test('a template encodes what it puts in', () => {
  const template = newAddressTemplate('ucxl://{agent}:any@{project}:{version}/docs/{path}')
  equal(
    formatAddress(template.expand({ agent: 'a b', project: 'p@q', version: 3, path: '~x/[id].ts' })),
    'ucxl://a%20b:any@p%40q:3/*^/docs/%7Ex/%5Bid%5D.ts',
  )
})

test('a template refuses what does not fit', () => {
  const template = newAddressTemplate(defaultAddressTemplate)
  throws(() => template.expand({ project: 'p' }), { code: 'ADDRESS_INVALID', message: /field "path"/ })
  throws(() => template.expand({ project: 'a/b', path: 'x' }), { code: 'ADDRESS_INVALID', message: /slash/ })
  throws(() => template.expand({ project: 'p', path: '/x' }), { code: 'ADDRESS_INVALID', message: /empty/ })
  throws(() => template.expand({ project: 'p', path: 'a/../x' }), { code: 'ADDRESS_INVALID' })
  throws(() => template.expand({ project: 'p', path: '\ud800' }), { code: 'ADDRESS_INVALID' })
  throws(() => newAddressTemplate('{path}'), { code: 'USAGE' })
  throws(() => newAddressTemplate('ucxl://any:any@{project}:any/{pa th}'), { code: 'USAGE' })
})
