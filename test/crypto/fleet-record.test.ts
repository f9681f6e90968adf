// Goal: only the authority says what its fleet is, in one form. Method: round trips, every byte of a record
// changed, records of another authority, shapes that a valid signature does not excuse, random JSON.
import assert from 'node:assert/strict'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { generateKeyPair } from '@libp2p/crypto/keys'
import fc from 'fast-check'
import { SlurpError } from '../../base/errors.ts'
import type { ContextKey, FleetId } from '../../base/ids.ts'
import { Authority, createAuthority, loadAuthority } from '../../crypto/authority.ts'
import {
  decodeFleetRecord,
  encodeFleetRecord,
  newerFleetRecord,
  signFleetRecord,
  verifyFleetRecord,
} from '../../crypto/fleet-record.ts'
import { sha256Hex } from '../../crypto/identity.ts'
import { initialView, type View } from '../../dht/view.ts'
import { directoryFor, flipped, newIdentity, recipientsOf, refusedAs, roleKeys } from './fixtures.ts'

const authority = new Authority(await generateKeyPair('Ed25519'))
const identities = await Promise.all(Array.from({ length: 5 }, newIdentity))
const members = identities.map(({ peerId }, place) => ({
  id: peerId,
  name: `p${place + 1}`,
  weight: 1 + place / 4,
  zone: `z${place % 3}`,
}))
const viewOf = (fleet: FleetId): View =>
  initialView({
    fleet,
    members,
    replicas: 3,
    partitionCount: 64,
    hash: text => sha256Hex(text) as string as ContextKey,
  })
const view = viewOf(authority.fleet)
const roles = recipientsOf(roleKeys('admin', 'tester'))
const record = signFleetRecord(authority, { view, roles })
const bytes = encodeFleetRecord(record)

test('a record comes back whole and has one spelling', () => {
  const read = verifyFleetRecord(bytes, authority.fleet)
  assert.deepEqual(read.view, view)
  assert.deepEqual(read.roles, roles)
  assert.deepEqual(encodeFleetRecord(read), bytes)
  assert.deepEqual(encodeFleetRecord(signFleetRecord(authority, { view, roles })), bytes)
  for (const other of [
    ` ${Buffer.from(bytes)}`,
    Buffer.from(bytes).toString().trim(),
    Buffer.from(bytes).toString().replace('{', '{"more":1,'),
  ]) {
    assert.throws(() => decodeFleetRecord(Buffer.from(other)), refusedAs('INTEGRITY_FAILED'))
  }
})

test('a moving partition comes back too', () => {
  const [first, ...rest] = view.partitions
  const moving = {
    ...view,
    epoch: 2,
    partitions: [
      {
        epoch: 2,
        stage: 'joint' as const,
        owners: first!.owners,
        nextOwners: [members[4]!.id, members[3]!.id],
      },
      ...rest,
    ],
  }
  assert.deepEqual(
    verifyFleetRecord(encodeFleetRecord(signFleetRecord(authority, { view: moving, roles }))).view,
    moving,
  )
})

test('a change of any byte is refused', () => {
  for (let at = 0; at < bytes.length; at++) {
    assert.throws(() => verifyFleetRecord(flipped(bytes, at, at % 7)), SlurpError, `byte ${at}`)
  }
})

test('another authority, another fleet, a later format', async () => {
  const other = new Authority(await generateKeyPair('Ed25519'))
  assert.throws(() => signFleetRecord(other, { view, roles }), refusedAs('CONFIG_INVALID'))
  const theirs = encodeFleetRecord(signFleetRecord(other, { view: viewOf(other.fleet), roles }))
  assert.equal(verifyFleetRecord(theirs).view.fleet, other.fleet)
  assert.throws(() => verifyFleetRecord(theirs, authority.fleet), refusedAs('INTEGRITY_FAILED'))
  const swapped = encodeFleetRecord({ ...record, authorityPublicKey: other.publicKey })
  assert.throws(() => verifyFleetRecord(swapped), refusedAs('INTEGRITY_FAILED'))
  const later = Buffer.from(Buffer.from(bytes).toString().replace('"format":1', '"format":2'))
  assert.throws(() => verifyFleetRecord(later), refusedAs('FORMAT_UNKNOWN'))
})

test('a signature does not excuse a shape that cannot be', () => {
  const wrong: Partial<View>[] = [
    { epoch: 0 },
    { replicas: 99 },
    { members: [members[0]!, members[0]!] },
    { members: members.map(member => ({ ...member, weight: -1 })) },
    { members: [{ ...members[0]!, id: 'nobody' as never }, ...members.slice(1)] },
    { partitions: view.partitions.slice(1) },
  ]
  for (const lie of wrong) {
    assert.throws(
      () => signFleetRecord(authority, { view: { ...view, ...lie }, roles }),
      refusedAs('CONFIG_INVALID'),
    )
  }
  const badRoles = [
    [{ ...roles[0]!, recipient: 'age1' }],
    [roles[0]!, roles[0]!],
    [{ ...roles[0]!, keyVersion: 0 }],
    [{ ...roles[0]!, name: 'A' as never }],
  ]
  for (const list of badRoles)
    assert.throws(() => signFleetRecord(authority, { view, roles: list }), refusedAs('CONFIG_INVALID'))
})

test('the record with the highest epoch of the view is in force', () => {
  const next = signFleetRecord(authority, { view: { ...view, epoch: 7 }, roles })
  assert.equal(newerFleetRecord(record, next), next)
  assert.equal(newerFleetRecord(next, record), next)
  assert.equal(newerFleetRecord(record, signFleetRecord(authority, { view, roles })), record)
})

test('any bytes and any JSON end in a SlurpError', () => {
  const json = JSON.parse(Buffer.from(bytes).toString()) as Record<string, unknown>
  const replaced = fc
    .tuple(fc.constantFrom(...Object.keys(json)), fc.jsonValue())
    .map(([field, value]) => Buffer.from(`${JSON.stringify({ ...json, [field]: value })}\n`))
  const cut = fc
    .tuple(fc.nat(bytes.length), fc.nat(bytes.length), fc.string())
    .map(([from, to, text]) =>
      Buffer.concat([bytes.subarray(0, from), Buffer.from(text), bytes.subarray(to)]),
    )
  const deep = fc.constant(Buffer.from('['.repeat(200_000)))
  fc.assert(
    fc.property(
      fc.oneof(
        fc.uint8Array(),
        replaced,
        cut,
        deep,
        fc.json().map(text => Buffer.from(text)),
      ),
      input => {
        if (Buffer.compare(input, bytes) !== 0) assert.throws(() => verifyFleetRecord(input), SlurpError)
      },
    ),
    { numRuns: 150 },
  )
  assert.throws(() => verifyFleetRecord(Buffer.alloc(600 * 1024, '[')), refusedAs('INTEGRITY_FAILED'))
})

test('an authority is kept like an identity, and the fleet is the hash of its key', async context => {
  const path = join(await directoryFor(context), 'authority.key')
  const made = await createAuthority(path)
  assert.equal((await stat(path)).mode & 0o777, 0o600)
  assert.equal((await loadAuthority(path)).fleet, made.fleet)
  assert.equal(made.fleet, sha256Hex(made.publicKey))
  await assert.rejects(createAuthority(path), refusedAs('DIRECTORY_TAKEN'))
})
