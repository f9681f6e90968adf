import { bootTag, hlcFrom } from '../../../base/hlc.ts'
import { type ContextKey, controlKey, type RoleName, type Version } from '../../../base/ids.ts'
import { decodeAgeFile, encodeAgeFile } from '../../../crypto/age-format.ts'
import { readHeader, writeHeader } from '../../../crypto/age-header.ts'
import { payloadBytes, readPayload, writePayload } from '../../../crypto/age-payload.ts'
import { openEnvelope, sealEnvelope, sealTombstone, signControl } from '../../../crypto/envelope.ts'
import { decodeEnvelope, type Envelope, encodeSigned, encodeSubject } from '../../../crypto/envelope-codec.ts'
import { clockTagOf } from '../../../crypto/identity.ts'
import { pack, plaintextBytesMax, unpack } from '../../../crypto/padding.ts'
import { peerKeyOf } from '../../../crypto/peer-keys.ts'
import { sealKey, workFactorOf } from '../../../crypto/sealed-key.ts'
import { signingBytes } from '../../../crypto/verified-envelopes.ts'
import { X25519Identity, X25519Recipient } from '../../../crypto/x25519.ts'
import { authority, reader, writer } from '../keys.ts'
import { bytesOf, holds, refusesOr, refusesOrLater, same, type Target, textOf } from '../target.ts'

const fileKey = new Uint8Array(16).fill(9)
const text = bytesOf(JSON.stringify({ summary: 'What was decided, and why.', tags: ['a', 'b'] }))
const long = new Uint8Array(70_000).fill(0x61)

const key = '0c'.repeat(32) as ContextKey
const version = hlcFrom(1_780_000_000_000, 3, bootTag(clockTagOf(writer.peerId), 1)) as Version
const parent = hlcFrom(1_770_000_000_000, 0, bootTag(clockTagOf(writer.peerId), 1)) as Version
const plan = { fleet: authority.fleet, key, version, parent: null, author: writer, expiresAtMs: 0 }
const role = { name: 'developer' as RoleName, keyVersion: 1, recipient: reader.recipient.text }

async function envelope(): Promise<Target> {
  const sealed = await sealEnvelope({ ...plan, roles: [role], plaintext: text })
  const dead = await sealTombstone({ ...plan, parent, expiresAtMs: 1_790_000_000_000 })
  const control = signControl({ ...plan, key: controlKey(1) }, text)
  return {
    name: 'envelope',
    seeds: [sealed.data, dead.data, control.data],
    weight: 0.5,
    run: input =>
      refusesOr(
        () => decodeEnvelope(input),
        envelope => checkEncoding(envelope, input),
      ),
  }
}

/** Input: two bytes of length, a subject, a body. Size and hash of the body are right, so that more is taken. */
async function envelopeSubject(): Promise<Target> {
  const sealed = decodeEnvelope(
    (await sealEnvelope({ ...plan, parent, roles: [role], plaintext: text })).data,
  )
  const dead = decodeEnvelope((await sealTombstone({ ...plan, parent })).data)
  const joined = ({ subjectBytes, body }: Envelope) =>
    Buffer.concat([Buffer.of(subjectBytes.length >> 8, subjectBytes.length & 255), subjectBytes, body])
  return {
    name: 'envelope subject',
    seeds: [joined({ ...sealed, body: text }), joined(dead)],
    words: ['developer', 'tester', 'SE\x01'],
    weight: 0.5,
    run: input => {
      const end = 2 + (input[0] ?? 0) * 256 + (input[1] ?? 0)
      const [subject, body] = [input.subarray(2, end), input.subarray(end)]
      const data = Buffer.concat([encodeSigned(subject, body), new Uint8Array(64), body])
      return refusesOr(
        () => decodeEnvelope(data),
        envelope => checkEncoding(envelope, data),
      )
    },
  }
}

function checkEncoding(
  { header, subjectBytes, signedBytes, signature, body }: Envelope,
  data: Uint8Array,
): void {
  const again = encodeSubject(header, peerKeyOf(header.author)!.publicKey)
  holds(same(again, subjectBytes), 'the subject has one encoding')
  const signed = encodeSigned(again, body)
  holds(same(signed, signedBytes), 'what is signed has one encoding')
  holds(same(Buffer.concat([signed, signature, body]), data), 'the envelope has one encoding')
}

/** Input: a body. The author signs whatever it is: an author who lies is an attacker too. */
async function openedEnvelope(): Promise<Target> {
  const sealed = decodeEnvelope((await sealEnvelope({ ...plan, roles: [role], plaintext: text })).data)
  const others = [pack(new Uint8Array(32), text), text].map(inner => encodeAgeFile([reader.recipient], inner))
  return {
    name: 'envelope opened',
    seeds: [sealed.body, ...others],
    words: ['-> X25519 ', '-> scrypt ', '\n---', '--- ', '\n-> '],
    weight: 0.1,
    run: body => {
      const signed = encodeSigned(sealed.subjectBytes, body)
      const data = Buffer.concat([signed, writer.sign(signingBytes(signed)), body])
      const expected = { fleet: plan.fleet, key, version, parent: null }
      return refusesOrLater(
        () => openEnvelope({ data, expected, identitiesOf: () => [reader], isAuthor: () => true }),
        ({ plaintext }) => holds(same(plaintext, text), 'only what was sealed for it is opened'),
      )
    },
  }
}

const ageFile: Target = {
  name: 'age file',
  seeds: [
    encodeAgeFile([reader.recipient], text),
    encodeAgeFile([writer.ageRecipient, reader.recipient], text),
    encodeAgeFile([reader.recipient], new Uint8Array(0)),
  ],
  words: ['-> X25519 ', '-> scrypt ', '\n---', '--- ', '\n-> ', 'age-encryption.org/v1\n', '=', '\n\n'],
  weight: 0.3,
  run: input => refusesOr(() => decodeAgeFile(input, stanzas => reader.unwrapFileKey(stanzas))),
}

const ageHeader: Target = {
  name: 'age header',
  seeds: [
    bytesOf(writeHeader(reader.recipient.wrapFileKey(fileKey), fileKey)),
    bytesOf(writeHeader([{ args: ['a', 'b'], body: new Uint8Array(48) }], fileKey)),
    bytesOf(
      writeHeader(
        Array.from({ length: 5 }, (_, i) => ({ args: ['grease', String(i)], body: new Uint8Array(i * 25) })),
        fileKey,
      ),
    ),
  ],
  words: [
    '-> X25519 ',
    '-> a\n',
    '\n---',
    '--- ',
    '\n-> ',
    'age-encryption.org/v1\n',
    '=',
    '\n\n',
    ' ',
    '\r\n',
  ],
  weight: 1,
  run: input =>
    refusesOr(
      () => readHeader(input),
      ({ stanzas, signedText, payloadAt }) => {
        const again = writeHeader(stanzas, fileKey)
        holds(again.startsWith(`${signedText} `), 'a header has one text')
        holds(again.length === payloadAt, 'the payload begins where the header ends')
      },
    ),
}

function payloadOf(plaintext: Uint8Array): Uint8Array {
  const out = new Uint8Array(payloadBytes(plaintext.length))
  writePayload(fileKey, plaintext, out)
  return out
}

const agePayload: Target = {
  name: 'age payload',
  seeds: [payloadOf(text), payloadOf(new Uint8Array(0)), payloadOf(long).subarray(0, 16 + 65_536 + 16)],
  weight: 0.3,
  run: input =>
    refusesOr(
      () => readPayload(fileKey, input),
      plaintext => holds(payloadBytes(plaintext.length) === input.length, 'a payload has one size'),
    ),
}

const packed: Target = {
  name: 'padded content',
  seeds: [
    pack(new Uint8Array(32), text),
    pack(new Uint8Array(32), long),
    pack(new Uint8Array(32), payloadOf(text)),
  ],
  weight: 0.5,
  run: input =>
    refusesOr(
      () => unpack(input),
      ({ binding, plaintext }) => {
        holds(plaintext.length <= plaintextBytesMax, 'a context is within its cap')
        const again = unpack(pack(binding, plaintext))
        holds(same(again.plaintext, plaintext) && same(again.binding, binding), 'what is packed is unpacked')
      },
    ),
}

const sealedKey: Target = {
  name: 'sealed identity',
  seeds: [sealKey(text, bytesOf('a passphrase'), 4), encodeAgeFile([reader.recipient], text)],
  words: ['-> scrypt ', ' 18\n', ' 99\n', '\n---'],
  weight: 0.5,
  // Only as far as the cap: what comes after costs memory by design.
  run: input =>
    refusesOr(
      () => workFactorOf(input, 'identity.key'),
      factor => holds(factor <= 20, 'the cap holds'),
    ),
}

const ageKeys: Target = {
  name: 'age keys',
  seeds: [bytesOf(reader.recipient.text), bytesOf(reader.secretText())],
  words: ['age1', 'AGE-SECRET-KEY-1', '1', 'q'],
  weight: 0.3,
  run: input => {
    const said = textOf(input)
    const isRecipient = refusesOr(
      () => new X25519Recipient(said),
      recipient => holds(recipient.text === said, 'a recipient has one text'),
    )
    const isIdentity = refusesOr(
      () => new X25519Identity(said),
      identity => holds(identity.secretText() === said, 'an identity has one text'),
    )
    return isRecipient || isIdentity
  },
}

export const envelopeTargets = async (): Promise<Target[]> => [
  await envelope(),
  await envelopeSubject(),
  await openedEnvelope(),
  ageFile,
  ageHeader,
  agePayload,
  packed,
  sealedKey,
  ageKeys,
]
