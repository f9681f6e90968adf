// Goal: what sealing and opening cost beside the library, and where the time of a whole envelope goes (decision 001).
// Method: short rounds of every way in turn, so that a busy machine slows all of them alike; the quickest round
// counts, as what disturbs only ever adds. Run it with `node test/bench/age-format.ts`.
import { randomBytes } from 'node:crypto'
import { performance } from 'node:perf_hooks'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { Decrypter, Encrypter } from 'age-encryption'
import { bootTag, hlcFrom } from '../../base/hlc.ts'
import type { ContextKey, FleetId, RoleName } from '../../base/ids.ts'
import { openEnvelope, sealEnvelope } from '../../crypto/envelope.ts'
import { clockTagOf, Identity, verifyBy } from '../../crypto/identity.ts'
import { pack, unpack } from '../../crypto/padding.ts'
import { newRoleKey } from '../../crypto/roles.ts'
import { openWith, sealTo } from '../../crypto/sealing.ts'

const rounds = 80
const warmUps = 10
const timesARound = 12
const plaintextBytes = 4096

type Way = { readonly name: string; run(): unknown }

async function compare(title: string, ways: readonly Way[]): Promise<void> {
  const quickestMs = ways.map(() => Number.POSITIVE_INFINITY)
  for (let round = -warmUps; round < rounds; round++) {
    for (const [place, way] of ways.entries()) {
      const startMs = performance.now()
      for (let time = 0; time < timesARound; time++) await way.run()
      const tookMs = (performance.now() - startMs) / timesARound
      if (round >= 0) quickestMs[place] = Math.min(quickestMs[place]!, tookMs)
    }
  }
  console.log(`\n${title}`)
  for (const [place, { name }] of ways.entries()) {
    console.log(`  ${name.padEnd(44)} ${quickestMs[place]!.toFixed(3)} ms`)
  }
}

/** Half random, half repeated text: about as much as zstd gains on contexts. */
const plaintext = Buffer.from(
  randomBytes(plaintextBytes / 4).toString('hex') + 'decided because of '.repeat(200),
).subarray(0, plaintextBytes)
const keys = Array.from({ length: 7 }, (_, place) => newRoleKey(`role-${place}` as RoleName))
const first = keys[0]!.identity

function encrypter(count: number, native: boolean): Encrypter {
  const library = new Encrypter()
  for (const { identity } of keys.slice(0, count)) {
    library.addRecipient(native ? identity.recipient : identity.recipient.text)
  }
  return library
}

function decrypter(native: boolean): Decrypter {
  const library = new Decrypter()
  library.addIdentity(native ? first : first.secretText())
  return library
}

for (const count of [1, 7]) {
  const recipients = keys.slice(0, count).map(({ identity }) => identity.recipient)
  const [stock, extended] = [encrypter(count, false), encrypter(count, true)]
  await compare(`seal ${plaintextBytes} bytes to ${count}`, [
    { name: 'library, stock', run: () => stock.encrypt(plaintext) },
    { name: 'library, our native recipient', run: () => extended.encrypt(plaintext) },
    { name: 'crypto/age-format.ts', run: () => sealTo(recipients, plaintext) },
  ])
}

const file = await sealTo([first.recipient], plaintext)
const [stock, extended] = [decrypter(false), decrypter(true)]
await compare(`open ${plaintextBytes} bytes, one stanza`, [
  { name: 'library, stock', run: () => stock.decrypt(file) },
  { name: 'library, our native identity', run: () => extended.decrypt(file) },
  { name: 'crypto/age-format.ts', run: () => openWith([first], file) },
])

const author = new Identity(await generateKeyPair('Ed25519'))
const version = hlcFrom(1_700_000_000_000, 0, bootTag(clockTagOf(author.peerId), 1))
const place = { fleet: 'f1'.repeat(32) as FleetId, key: '0c'.repeat(32) as ContextKey, version, parent: null }
const plan = { ...place, author, expiresAtMs: 0, plaintext }
const roles = keys.map(({ name, keyVersion, identity }) => ({
  name,
  keyVersion,
  recipient: identity.recipient.text,
}))
const { data } = await sealEnvelope({ ...plan, roles })
const identitiesOf = (name: RoleName) => keys.filter(held => held.name === name).map(held => held.identity)
const binding = new Uint8Array(32)
const packed = pack(binding, plaintext)
const header = data.subarray(0, 300)
const signature = author.sign(header)
await compare(`a whole envelope of ${plaintextBytes} bytes`, [
  { name: 'seal to 1 role', run: () => sealEnvelope({ ...plan, roles: roles.slice(0, 1) }) },
  { name: 'seal to 7 roles', run: () => sealEnvelope({ ...plan, roles }) },
  {
    name: 'open 1 of 7 roles, signature checked before',
    run: () => openEnvelope({ data, expected: place, identitiesOf }),
  },
  { name: '  of it: pack (zstd, pad)', run: () => pack(binding, plaintext) },
  { name: '  of it: unpack', run: () => unpack(packed) },
  { name: '  of it: sign', run: () => author.sign(header) },
  { name: '  on receive: check a signature', run: () => verifyBy(author.peerId, header, signature) },
])
