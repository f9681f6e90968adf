import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isMainThread } from 'node:worker_threads'
import { encode } from 'cborg'
import type { ContextKey, RoleName, Version } from '../../../base/ids.ts'
import { openKeyring } from '../../../crypto/keyring.ts'
import { readNetworkKey } from '../../../crypto/network-key.ts'
import { sealTo } from '../../../crypto/sealing.ts'
import { readWatermark } from '../../../node/adapters/level-disk/watermark.ts'
import { readSettings } from '../../../node/config.ts'
import { AddressFile } from '../../../node/known-addresses.ts'
import { readPeerFile } from '../../../node/peer-settings.ts'
import { canonicalOf, formatAddress, parseAddress } from '../../../node/store/address.ts'
import { newAddressTemplate } from '../../../node/store/address-template.ts'
import { encodePart, readPart } from '../../../node/store/address-text.ts'
import { decodeCursor, encodeCursor } from '../../../node/store/history-cursor.ts'
import { recordToContext } from '../../../node/store/import-record.ts'
import { parseLine, splitLines } from '../../../node/store/ndjson.ts'
import { RetentionRules } from '../../../node/store/retention/rules.ts'
import { parseContext } from '../../../node/store/schema.ts'
import { readSealedText } from '../../../node/store/sealed-text.ts'
import { formatTemporal, parseTemporal } from '../../../node/store/temporal.ts'
import { authority, reader, writer } from '../keys.ts'
import { bytesOf, holds, refusesOr, refusesOrLater, same, type Target, textOf } from '../target.ts'

const jsonWords = [
  '{',
  '}',
  '[',
  ']',
  ',',
  ':',
  '"',
  '\\',
  '\\u0000',
  '\\ud800',
  'null',
  'true',
  '1e999',
  '-0',
  '"__proto__":',
  '"constructor":',
  '"summary":',
  '"roles":',
  '[[[[[[[[',
  '{"a":{"a":{"a":',
]
const context = {
  title: 'A title',
  summary: 'What was decided',
  tags: ['a', 'b'],
  kind: 'decision',
  decision: { reason: 'so', status: 'accepted', follows: [], confidence: 0.5 },
  metadata: { deep: [1, { x: null }] },
}

const address: Target = {
  name: 'address',
  seeds: [
    'ucxl://any:any@notes:any/*^/first',
    'ucxl://a:b@caf%C3%A9:c/~~12/src/main%20file.ts',
    'ucxl://any:any@p:t/@2026-03-01T12:00:00.5%2B02:00/a/b/c',
    'ucxl://x:y@z:w/*~/',
  ].map(bytesOf),
  words: [
    'ucxl://',
    '..',
    '.',
    '%2e',
    '%2E%2e',
    '%00',
    '%',
    '//',
    '/',
    '@',
    ':',
    '*^',
    '~~1',
    '^^',
    '\u202e',
    'é',
    'e\u0301',
    '\uff0e',
    '%c0%af',
    '%ed%a0%80',
    '\n',
    '?',
    '#',
  ],
  weight: 3,
  run: input => {
    const said = textOf(input)
    return refusesOr(
      () => parseAddress(said),
      read => {
        const text = formatAddress(read)
        const again = parseAddress(text)
        holds(JSON.stringify(again) === JSON.stringify(read), 'an address is read as it was written')
        holds(
          formatAddress(again) === text && canonicalOf(again) === canonicalOf(read),
          'a place has one text',
        )
        holds(
          !read.path.some(part => part === '' || part === '.' || part === '..' || part.includes('/')),
          'a path leads nowhere else',
        )
      },
    )
  },
}

const temporal: Target = {
  name: 'temporal part',
  seeds: [
    '*^',
    '*~',
    '~~3',
    '^^12',
    '@2026-03-01',
    '@2026-03-01T12:00:00Z',
    '@2026-12-31T23:59:60.123+14:00',
  ].map(bytesOf),
  words: ['@', 'T', 'Z', '+', '-', ':', '.', '99', '02-30', '000000'],
  weight: 1,
  run: input =>
    refusesOr(
      () => parseTemporal(textOf(input), 0),
      read => {
        const text = formatTemporal(read)
        holds(formatTemporal(parseTemporal(text, 0)) === text, 'a time has one text')
      },
    ),
}

const parts: Target = {
  name: 'part of an address',
  seeds: ['notes', 'caf%C3%A9', 'a%20b', 'e\u0301', '%F0%9F%98%80'].map(bytesOf),
  words: ['%', '%00', '%2f', '\u200b', '\ufeff', '\ud7ff', '%e2%80%ae'],
  weight: 1,
  run: input =>
    refusesOr(
      () => readPart(textOf(input), 'a name'),
      read => holds(readPart(encodePart(read), 'a name') === read, 'a part is read as it was written'),
    ),
}

const template: Target = {
  name: 'address template',
  seeds: [
    bytesOf('ucxl://any:any@{project}:any/*^/{path}'),
    bytesOf('ucxl://{agent}:any@p:{task}/*^/a/{path}'),
  ],
  words: ['{', '}', '{path}', '{project}', '{__proto__}', '/', '%'],
  weight: 0.3,
  run: input => refusesOr(() => newAddressTemplate(textOf(input))),
}

const key = '0c'.repeat(32) as ContextKey
const cursor: Target = {
  name: 'history cursor',
  seeds: [bytesOf(encodeCursor(key, '018f00000000000100000001' as Version))],
  words: ['=', '-', '_', '+', '/'],
  weight: 1,
  run: input =>
    refusesOr(
      () => decodeCursor(key, textOf(input)),
      version => holds(encodeCursor(key, version) === textOf(input), 'a cursor has one text'),
    ),
}

const contexts: Target = {
  name: 'context',
  seeds: [bytesOf(JSON.stringify(context)), bytesOf('{"summary":"x","extra":{"a":[1,2,{"b":null}]}}')],
  words: jsonWords,
  weight: 1,
  run: input =>
    refusesOr(
      () => parseContext(parseLine(textOf(input)), 65_536),
      read => {
        const text = JSON.stringify(read)
        holds(
          JSON.stringify(parseContext(JSON.parse(text), 65_536)) === text,
          'a context is read as it was written',
        )
        holds(
          Object.getPrototypeOf({}) === Object.prototype && !('polluted' in {}),
          'nobody inherits anything',
        )
      },
    ),
}

const lines: Target = {
  name: 'import lines',
  seeds: [
    bytesOf(
      `${JSON.stringify(context)}\n${JSON.stringify({ ...context, roles: ['developer'] })}\r\n\n{"a":1`,
    ),
  ],
  words: [...jsonWords, '\n', '\r\n', '\ufeff'],
  weight: 0.5,
  run: async input => {
    let taken = false
    let before = 0
    for await (const line of splitLines(pieces(input), 512)) {
      holds(line.line > before, 'lines are numbered upwards')
      before = line.line
      if (!('text' in line)) continue
      taken ||= refusesOr(() => parseContext(recordToContext(parseLine(line.text)).context, 65_536))
    }
    return taken
  },
}

async function* pieces(input: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < input.length; at += 1 + (input[at]! % 61))
    yield input.subarray(at, at + 1 + (input[at]! % 61))
}

const retention: Target = {
  name: 'retention rules',
  seeds: [
    new RetentionRules(
      { versions: 5, ageSeconds: null },
      new Map([
        ['café', { versions: null, ageSeconds: 86_400 }],
        ['shop', { versions: 1, ageSeconds: 60 }],
      ]),
    ).encode(),
    RetentionRules.none.encode(),
  ],
  words: jsonWords,
  weight: 1,
  run: input =>
    refusesOr(
      () => RetentionRules.decode(input),
      rules => {
        const text = rules.encode()
        holds(same(RetentionRules.decode(text).encode(), text), 'rules are read as they were written')
      },
    ),
}

const sealedText: Target = {
  name: 'sealed text',
  seeds: [bytesOf('ucxl://any:any@notes:any/first\n{"summary":"x"}'), bytesOf('{"summary":"x"}')],
  words: ['\n', '{'],
  weight: 0.3,
  run: input => typeof readSealedText(textOf(input)).json === 'string',
}

/** Decoders that take the name of a file: one file in a directory of this process. */
function filesIn(dir: string): Target[] {
  const write = (name: string, bytes: Uint8Array): string => {
    const path = join(dir, name)
    writeFileSync(path, bytes, { mode: 0o600 })
    return path
  }
  const role = ['developer' as RoleName, 1, reader.secretText()]
  const content = { format: 1, fleet: authority.fleet, fleetSecret: new Uint8Array(32), roles: [role] }
  const nested = encode({ ...content, roles: [[[[[[[[[[[]]]]]]]]]]] })
  return [
    {
      name: 'keyring',
      seeds: [encode(content), encode({ ...content, fleetSecret: null, roles: [] }), nested],
      words: ['format', 'fleet', 'roles', 'fleetSecret'],
      weight: 0.05,
      run: async input => {
        const path = write('keyring.age', await sealTo([writer.ageRecipient], input))
        return refusesOrLater(
          () => openKeyring(path, writer),
          keyring => holds(keyring.fleet.length === 64, 'a keyring names its fleet'),
        )
      },
    },
    {
      name: 'files of a peer',
      seeds: [
        bytesOf(JSON.stringify({ format: 1, name: 'p1', port: 4100, bootstrap: ['/ip4/127.0.0.1/tcp/1'] })),
        bytesOf(JSON.stringify({ format: 1, peers: { [writer.peerId]: ['/ip4/127.0.0.1/tcp/1'] } })),
        bytesOf(`/key/swarm/psk/1.0.0/\n/base16/\n${'0f'.repeat(32)}\n`),
      ],
      words: [...jsonWords, '"port":', '"name":', '/base16/'],
      weight: 0.05,
      run: async input => {
        write('peer.json', input)
        write('network.key', input)
        new AddressFile(write('addresses.json', input)).known()
        readWatermark(write('data.watermark', input))
        const isKey = await refusesOrLater(() => readNetworkKey(dir))
        const isPeer = refusesOr(() =>
          readSettings([{ place: 'peer.json', values: readPeerFile(dir).settings }]),
        )
        return isKey || isPeer
      },
    },
  ]
}

export function storeTargets(): Target[] {
  // One for all threads of the process, which run one after the other: a thread that is ended cannot clear up.
  const dir = join(tmpdir(), `slurp-fuzz-${process.pid}`)
  mkdirSync(dir, { recursive: true, mode: 0o700 })
  if (isMainThread) process.once('exit', () => rmSync(dir, { recursive: true, force: true }))
  return [address, temporal, parts, template, cursor, contexts, lines, retention, sealedText, ...filesIn(dir)]
}
