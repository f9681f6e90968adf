// Goal: our keys are age's keys. Method: seal and open across the extension points of age-encryption both ways,
// compare text forms with the library's, and offer every point of low order.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inspect } from 'node:util'
import { Decrypter, Encrypter, generateX25519Identity, identityToRecipient } from 'age-encryption'
import { AgeFailure } from '../../crypto/age-failure.ts'
import { toBase64 } from '../../crypto/base64.ts'
import { encodeBech32 } from '../../crypto/bech32.ts'
import { X25519Identity, X25519Recipient } from '../../crypto/x25519.ts'
import { refusedAs } from './fixtures.ts'

const plaintext = Buffer.from('what the agent knows')

test('text forms are those of the library', async () => {
  const theirs = await generateX25519Identity()
  const ours = new X25519Identity(theirs)
  assert.equal(ours.secretText(), theirs)
  assert.equal(ours.recipient.text, await identityToRecipient(theirs))
  const made = X25519Identity.generate()
  assert.equal(await identityToRecipient(made.secretText()), made.recipient.text)
})

test('the library seals through our recipient and opens through our identity', async () => {
  const identity = X25519Identity.generate()
  const encrypter = new Encrypter()
  encrypter.addRecipient(new X25519Recipient(identity.recipient.text))
  const file = await encrypter.encrypt(plaintext)
  for (const key of [identity.secretText(), { unwrapFileKey: identity.unwrapFileKey.bind(identity) }]) {
    const decrypter = new Decrypter()
    decrypter.addIdentity(key)
    assert.deepEqual(Buffer.from(await decrypter.decrypt(file)), plaintext)
  }
})

test('a stanza for somebody else is no match, and every stanza has a share of its own', () => {
  const [mine, other] = [X25519Identity.generate(), X25519Identity.generate()]
  const fileKey = new Uint8Array(16).fill(9)
  const [first] = mine.recipient.wrapFileKey(fileKey)
  const [second] = mine.recipient.wrapFileKey(fileKey)
  assert.notEqual(first!.args[1], second!.args[1])
  assert.equal(other.unwrapFileKey([first!, second!]), null)
  assert.deepEqual(Buffer.from(mine.unwrapFileKey([first!])!), Buffer.from(fileKey))
})

// The u-coordinates of order 1, 2, 4 and 8 on curve and twist, with their unreduced spellings. Source: RFC 7748
// section 6.1 asks for the check; the list is that of Cremers and Jackson 2019.
const lowOrder = [
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000000',
  'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800',
  '5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
].map(hex => Buffer.from(hex, 'hex'))

test('points of low order are refused as recipients and in stanzas', () => {
  const identity = X25519Identity.generate()
  for (const point of lowOrder) {
    assert.throws(() => new X25519Recipient(encodeBech32('age', point)), refusedAs('CONFIG_INVALID'))
    const stanza = { args: ['X25519', toBase64(point)], body: new Uint8Array(32) }
    assert.throws(() => identity.unwrapFileKey([stanza]), AgeFailure)
  }
})

test('other texts are refused without being repeated', () => {
  const secret = X25519Identity.generate().secretText()
  const mistyped = `${secret.slice(0, -1)}${secret.endsWith('Q') ? 'P' : 'Q'}`
  for (const wrong of [
    mistyped,
    secret.toLowerCase(),
    '',
    'AGE-SECRET-KEY-1',
    encodeBech32('age', new Uint8Array(31)),
  ]) {
    assert.throws(() => new X25519Identity(wrong), refusedAs('CONFIG_INVALID', secret.slice(16, 40)))
    assert.throws(() => new X25519Recipient(wrong), refusedAs('CONFIG_INVALID', secret.slice(16, 40)))
  }
  assert.throws(
    () => new X25519Recipient(X25519Identity.generate().recipient.text.toUpperCase()),
    refusedAs('CONFIG_INVALID'),
  )
})

test('printing an identity shows no secret', () => {
  const identity = X25519Identity.generate()
  const shown =
    inspect(identity, { depth: 9, showHidden: true }) + JSON.stringify(identity) + String(identity)
  assert.ok(!shown.includes('SECRET-KEY'))
  assert.ok(!/[0-9a-f]{2}( [0-9a-f]{2}){8}/.test(shown))
})
