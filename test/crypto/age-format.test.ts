// Goal: our age files are age files, and nothing else opens. Method: both ways with age-encryption at the edges of
// the chunks, every byte of a file flipped and every prefix cut, headers past the caps, random bytes.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { Decrypter, Encrypter } from 'age-encryption'
import fc from 'fast-check'
import { SlurpError } from '../../base/errors.ts'
import { AgeFailure } from '../../crypto/age-failure.ts'
import { decodeAgeFile, encodeAgeFile } from '../../crypto/age-format.ts'
import { openWith, sealTo } from '../../crypto/sealing.ts'
import { X25519Identity } from '../../crypto/x25519.ts'
import { flipped, refusedAs } from './fixtures.ts'

const chunk = 64 * 1024
const identities = Array.from({ length: 3 }, () => X25519Identity.generate())
const recipients = identities.map(identity => identity.recipient)

for (const size of [0, 1, 4096, chunk - 1, chunk, chunk + 1, 2 * chunk, 3 * chunk + 5]) {
  test(`${size} bytes go to the library and come back from it`, async () => {
    const plaintext = randomBytes(size)
    const ours = await sealTo(recipients, plaintext)
    for (const identity of identities) {
      const decrypter = new Decrypter()
      decrypter.addIdentity(identity.secretText())
      assert.deepEqual(Buffer.from(await decrypter.decrypt(ours)), plaintext)
      assert.deepEqual(Buffer.from(await openWith([identity], ours)), plaintext)
    }
    const encrypter = new Encrypter()
    for (const { text } of recipients) encrypter.addRecipient(text)
    const theirs = await encrypter.encrypt(plaintext)
    assert.deepEqual(Buffer.from(await openWith([identities[2]!], theirs)), plaintext)
  })
}

test('two files of one plaintext share nothing but their size', async () => {
  const [one, two] = await Promise.all([
    sealTo(recipients, Buffer.alloc(64)),
    sealTo(recipients, Buffer.alloc(64)),
  ])
  assert.equal(one.length, two.length)
  assert.notDeepEqual(one.slice(-80), two.slice(-80))
})

test('a flipped bit anywhere, a cut or a longer file does not open', async () => {
  const file = await sealTo(recipients, Buffer.from('bound'))
  for (let at = 0; at < file.length; at++) {
    await assert.rejects(openWith([identities[0]!], flipped(file, at, at % 8)), isRefusal)
    await assert.rejects(openWith([identities[0]!], file.subarray(0, at)), refusedAs('INTEGRITY_FAILED'))
  }
  await assert.rejects(
    openWith([identities[0]!], Buffer.concat([file, Buffer.from([0])])),
    refusedAs('INTEGRITY_FAILED'),
  )
})

// A flip in the stanza's own bytes can look like a stanza for somebody else.
const isRefusal = (failure: unknown) =>
  refusedAs('INTEGRITY_FAILED')(failure) || refusedAs('ROLE_DENIED')(failure)

test('chunks in another order, and one file with the payload of another, do not open', async () => {
  const file = Buffer.from(await sealTo([recipients[0]!], Buffer.alloc(2 * chunk, 1)))
  const start = file.length - 2 * (chunk + 16)
  const [first, second] = [file.subarray(start, start + chunk + 16), file.subarray(start + chunk + 16)]
  const swapped = Buffer.concat([file.subarray(0, start), second, first])
  await assert.rejects(openWith([identities[0]!], swapped), refusedAs('INTEGRITY_FAILED'))
  const dropped = Buffer.concat([file.subarray(0, start), second])
  await assert.rejects(openWith([identities[0]!], dropped), refusedAs('INTEGRITY_FAILED'))
  const other = Buffer.from(await sealTo([recipients[0]!], Buffer.alloc(2 * chunk, 1)))
  const mixed = Buffer.concat([file.subarray(0, start), other.subarray(start)])
  await assert.rejects(openWith([identities[0]!], mixed), refusedAs('INTEGRITY_FAILED'))
})

test('who is no recipient is denied', async () => {
  const file = await sealTo(recipients, Buffer.from('not yours'))
  await assert.rejects(openWith([X25519Identity.generate()], file), refusedAs('ROLE_DENIED', 'not yours'))
  await assert.rejects(openWith([], file), refusedAs('ROLE_DENIED'))
})

test('headers past the caps are neither written nor read', async () => {
  await assert.rejects(sealTo([], Buffer.alloc(1)), refusedAs('TOO_MANY'))
  await assert.rejects(sealTo(new Array(65).fill(recipients[0]), Buffer.alloc(1)), refusedAs('TOO_MANY'))
  const full = await sealTo(new Array(64).fill(recipients[0]), Buffer.alloc(1))
  assert.equal((await openWith([identities[0]!], full)).length, 1)
  const encrypter = new Encrypter()
  for (let i = 0; i < 65; i++) encrypter.addRecipient(recipients[0]!.text)
  await assert.rejects(
    openWith([identities[0]!], await encrypter.encrypt('x')),
    refusedAs('INTEGRITY_FAILED'),
  )
  const large = { wrapFileKey: () => [{ args: ['large'], body: new Uint8Array(16_000) }] }
  assert.throws(() => encodeAgeFile([large], Buffer.alloc(1)), AgeFailure)
  const wide = Buffer.from(`age-encryption.org/v1\n-> x ${'a'.repeat(17_000)}\n\n--- ${'A'.repeat(43)}\n`)
  await assert.rejects(openWith(identities, wide), refusedAs('INTEGRITY_FAILED'))
})

test('random bytes, and mutated files, end in a SlurpError and never in anything else', async () => {
  const valid = await sealTo(recipients, Buffer.from('valid'))
  const mutated = fc
    .tuple(fc.nat(valid.length), fc.nat(valid.length), fc.uint8Array({ maxLength: 40 }))
    .map(([from, to, filling]) => Buffer.concat([valid.subarray(0, from), filling, valid.subarray(to)]))
  const headed = fc
    .array(fc.string({ maxLength: 70 }), { maxLength: 6 })
    .map(lines => Buffer.from(['age-encryption.org/v1', ...lines, `--- ${'A'.repeat(43)}`, ''].join('\n')))
  await fc.assert(
    fc.asyncProperty(fc.oneof(fc.uint8Array({ maxLength: 400 }), mutated, headed), async bytes => {
      if (Buffer.compare(bytes, valid) === 0) return
      await assert.rejects(openWith(identities, bytes), SlurpError)
    }),
    { numRuns: 400 },
  )
})

test('a file key that the header was not written with is found out', async () => {
  const file = encodeAgeFile([recipients[0]!], Buffer.from('x'))
  assert.throws(
    () => decodeAgeFile(file, () => randomBytes(16)),
    (failure: unknown) => failure instanceof AgeFailure && failure.reason === 'mac',
  )
})
