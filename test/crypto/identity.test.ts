// Goal: a process has one key that only it can read, and others can check what it signed. Method: files and their
// modes, damaged files, signatures checked by libp2p and by us, forged ones refused.
import assert from 'node:assert/strict'
import { chmod, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { inspect } from 'node:util'
import { generateKeyPair, privateKeyFromProtobuf, privateKeyToProtobuf } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import fc from 'fast-check'
import { SlurpError } from '../../base/errors.ts'
import type { PeerId } from '../../base/ids.ts'
import { clockTagOf, createIdentity, loadIdentity, sha256Hex, verifyBy } from '../../crypto/identity.ts'
import { peerKeyFrom, peerKeyOf } from '../../crypto/peer-keys.ts'
import { openWith, sealTo } from '../../crypto/sealing.ts'
import { directoryFor, flipped, newIdentity, refusedAs } from './fixtures.ts'

test('an identity is written once, for its owner only, and is the same when loaded', async context => {
  const path = join(await directoryFor(context), 'identity.key')
  const made = await createIdentity(path)
  assert.equal((await stat(path)).mode & 0o777, 0o600)
  const loaded = await loadIdentity(path)
  assert.equal(loaded.peerId, made.peerId)
  assert.equal(loaded.ageRecipient.text, made.ageRecipient.text)
  const file = privateKeyFromProtobuf(await readFile(path))
  assert.equal(peerIdFromPrivateKey(file).toString(), made.peerId)
  assert.ok(loaded.privateKey.equals(file))
  await assert.rejects(createIdentity(path), refusedAs('DIRECTORY_TAKEN'))
  assert.equal((await loadIdentity(path)).peerId, made.peerId)
})

test('a missing, open, damaged or other file is refused', async context => {
  const dir = await directoryFor(context)
  const path = join(dir, 'identity.key')
  await assert.rejects(loadIdentity(path), refusedAs('DATA_MISSING'))
  await createIdentity(path)
  await chmod(path, 0o640)
  await assert.rejects(loadIdentity(path), refusedAs('CONFIG_INVALID'))
  const bytes = await readFile(path)
  const damaged = [
    Buffer.alloc(0),
    bytes.subarray(0, 20),
    flipped(bytes, 10),
    flipped(bytes, bytes.length - 1),
    Buffer.alloc(300 * 1024),
    privateKeyToProtobuf(await generateKeyPair('secp256k1')),
  ]
  for (const [place, wrong] of damaged.entries()) {
    const file = join(dir, `damaged-${place}`)
    await writeFile(file, wrong, { mode: 0o600 })
    await assert.rejects(
      loadIdentity(file),
      refusedAs('INTEGRITY_FAILED', bytes.subarray(4, 36).toString('hex')),
    )
  }
})

test('any file of key bytes loads or ends in a SlurpError', async context => {
  const dir = await directoryFor(context)
  const valid = privateKeyToProtobuf(await generateKeyPair('Ed25519'))
  let file = 0
  await fc.assert(
    fc.asyncProperty(
      fc.oneof(
        fc.uint8Array({ maxLength: 120 }),
        fc.tuple(fc.nat(valid.length - 1), fc.nat(7)).map(([at, bit]) => flipped(valid, at, bit)),
      ),
      async bytes => {
        const path = join(dir, String(file++))
        await writeFile(path, bytes, { mode: 0o600 })
        await assert.rejects(loadIdentity(path), SlurpError)
      },
    ),
    { numRuns: 150 },
  )
})

test('signatures are those of libp2p, and only of the signer', async () => {
  const [mine, other] = [await newIdentity(), await newIdentity()]
  const bytes = Buffer.from('signed')
  const signature = mine.sign(bytes)
  assert.equal(await mine.privateKey.publicKey.verify(bytes, signature), true)
  assert.equal(verifyBy(mine.peerId, bytes, signature), true)
  assert.equal(verifyBy(mine.peerId, bytes, await mine.privateKey.sign(bytes)), true)
  assert.equal(verifyBy(other.peerId, bytes, signature), false)
  assert.equal(verifyBy(mine.peerId, Buffer.from('Signed'), signature), false)
  for (let at = 0; at < signature.length; at++) {
    assert.equal(verifyBy(mine.peerId, bytes, flipped(signature, at)), false)
  }
  assert.equal(verifyBy(mine.peerId, bytes, signature.subarray(1)), false)
})

test('no text and no key bytes make a check throw', () => {
  const texts = fc.oneof(
    fc.string({ maxLength: 70 }),
    fc.stringMatching(/^12D3KooW[1-9A-HJ-NP-Za-km-z]{44}$/),
    fc.constantFrom(
      'QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N',
      'k51qzi5uqu5dkkciu33khkzbcmxtyhn376i1e83tya8kuy7z9euedzyr5nhoew',
    ),
  )
  fc.assert(
    fc.property(
      texts,
      fc.uint8Array({ minLength: 32, maxLength: 32 }),
      fc.uint8Array({ maxLength: 70 }),
      (text, raw, signature) => {
        assert.equal(verifyBy(text as PeerId, raw, signature), false)
        const { peerId } = peerKeyFrom(raw)
        assert.equal(verifyBy(peerId, raw, new Uint8Array(64)), false)
        assert.deepEqual(peerKeyOf(peerId)?.publicKey, raw)
      },
    ),
    { numRuns: 200 },
  )
})

test('the clock tag is the start of the hash of the id, known peer or not', async () => {
  const { peerId } = await newIdentity()
  assert.equal(clockTagOf(peerId), sha256Hex(peerId).slice(0, 6))
  assert.equal(clockTagOf('12D3' as PeerId), sha256Hex('12D3').slice(0, 6))
  assert.equal(
    sha256Hex(Buffer.from('abc')),
    'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
  )
})

test('what is sealed to a process opens for it alone, and printing it shows no secret', async () => {
  const [mine, other] = [await newIdentity(), await newIdentity()]
  const file = await sealTo([mine.ageRecipient], Buffer.from('share'))
  assert.equal(Buffer.from(await openWith([mine.ageIdentity], file)).toString(), 'share')
  await assert.rejects(openWith([other.ageIdentity], file), refusedAs('ROLE_DENIED'))
  const seed = Buffer.from(mine.privateKey.raw)
  const shown = inspect(mine, { depth: 9, showHidden: true }) + JSON.stringify(mine)
  for (const spelling of [
    seed.toString('hex'),
    seed.subarray(0, 8).toString('hex'),
    `${seed[0]}, ${seed[1]}, ${seed[2]}`,
  ]) {
    assert.ok(!shown.includes(spelling))
  }
})
