import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { EnvelopeChecker, EnvelopeClaim } from '../../node/ports/ports.ts'

export type EnvelopeWish = {
  readonly kind: 'live' | 'tombstone'
  readonly parent: string | null
  readonly expiresAtMs: number
}

export type CheckerUnderTest = {
  readonly checker: EnvelopeChecker
  /** A genuine envelope, with the claim that fits it; a new version each time. */
  make(wish: EnvelopeWish): Promise<EnvelopeClaim>
  /** What the claim's `hash` has to be for these bytes. */
  hashOf(data: Uint8Array): string
}

const wishes: readonly EnvelopeWish[] = [
  { kind: 'live', parent: null, expiresAtMs: 0 },
  { kind: 'live', parent: '0190000000000001aaaaaaaa', expiresAtMs: 1_900_000_000_000 },
  { kind: 'tombstone', parent: '0190000000000001aaaaaaaa', expiresAtMs: 0 },
]

/**
 * What every EnvelopeChecker promises (node/ports/ports.ts).
 * Goal: a genuine envelope is taken as what it is and as nothing else. Method: change one part of the claim at a
 * time, then one byte of the envelope at a time with the hash made to fit.
 */
export function envelopeCheckerContract(name: string, setUp: () => Promise<CheckerUnderTest>): void {
  describe(`${name} keeps the contract of an envelope checker`, () => {
    test('a genuine envelope is accepted, the first time and again', async () => {
      const { checker, make } = await setUp()
      for (const wish of wishes) {
        const claim = await make(wish)
        assert.equal(checker.accepts(claim), true)
        assert.equal(checker.accepts({ ...claim, data: Uint8Array.from(claim.data) }), true)
      }
    })

    test('it is accepted as nothing else', async () => {
      const { checker, make } = await setUp()
      for (const wish of wishes) {
        const claim = await make(wish)
        assert.equal(checker.accepts(claim), true)
        const lies: Partial<EnvelopeClaim>[] = [
          { key: 'ee'.repeat(32) },
          { version: '01900000000000ff00000000' },
          { parent: claim.parent === null ? claim.version : null },
          { parent: '0190000000000002aaaaaaaa' },
          { kind: claim.kind === 'live' ? 'tombstone' : 'live' },
          { expiresAtMs: claim.expiresAtMs + 1 },
          { hash: '00'.repeat(32) },
          { hash: claim.hash.toUpperCase() === claim.hash ? '' : claim.hash.toUpperCase() },
        ]
        for (const lie of lies)
          assert.equal(checker.accepts({ ...claim, ...lie }), false, JSON.stringify(lie))
      }
    })

    test('bytes under the hash of others are refused', async () => {
      const { checker, make } = await setUp()
      const one = await make(wishes[0]!)
      const two = await make(wishes[0]!)
      assert.equal(checker.accepts(one), true)
      assert.equal(checker.accepts({ ...one, data: two.data }), false)
      assert.equal(checker.accepts({ ...one, data: two.data, hash: two.hash }), false)
    })

    test('no bytes make it throw', async () => {
      const { checker, make, hashOf } = await setUp()
      const claim = await make(wishes[1]!)
      const junk = [0, 1, 3, 40, 200].map(length => new Uint8Array(length).fill(0xff))
      const cut = [1, 10, 100].map(length => claim.data.subarray(0, claim.data.length - length))
      for (const data of [...junk, ...cut]) {
        assert.equal(typeof checker.accepts({ ...claim, data, hash: hashOf(data) }), 'boolean')
      }
    })
  })
}
