// Goal: a peer's secrets lie on its disk sealed to its own key, and nobody else opens them. Method: round trips with
// and without secrets, file modes, other identities, damaged files, and a search for the secrets in what is written.
import assert from 'node:assert/strict'
import { readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { inspect } from 'node:util'
import { encode } from 'cborg'
import fc from 'fast-check'
import { SlurpError } from '../../base/errors.ts'
import type { RoleName } from '../../base/ids.ts'
import { newFleetSecret } from '../../crypto/context-key.ts'
import { createKeyring, openKeyring } from '../../crypto/keyring.ts'
import { newRoleKey } from '../../crypto/roles.ts'
import { sealTo } from '../../crypto/sealing.ts'
import { directoryFor, fleet, flipped, newIdentity, refusedAs, roleKeys } from './fixtures.ts'

test('a keyring comes back, and its file shows nothing', async context => {
  const path = join(await directoryFor(context), 'keyring.age')
  const identity = await newIdentity()
  const rotated = newRoleKey('tester' as RoleName, 2)
  const keys = [...roleKeys('tester', 'admin'), rotated]
  const fleetSecret = newFleetSecret()
  await createKeyring(path, identity, { fleet, fleetSecret, roleKeys: keys })
  assert.equal((await stat(path)).mode & 0o777, 0o600)
  const keyring = await openKeyring(path, identity)
  assert.deepEqual(Buffer.from(keyring.fleetSecret!), Buffer.from(fleetSecret))
  assert.deepEqual(keyring.heldRoles, ['admin', 'tester'])
  assert.equal(keyring.fleet, fleet)
  assert.equal(keyring.identitiesOf('tester' as RoleName, 2)[0]!.secretText(), rotated.identity.secretText())
  assert.deepEqual(keyring.identitiesOf('tester' as RoleName, 3), [])
  assert.deepEqual(keyring.identitiesOf('manager' as RoleName, 1), [])
  const file = await readFile(path)
  const shown = inspect(keyring, { depth: 9, showHidden: true }) + JSON.stringify(keyring)
  for (const { identity: held } of keys) {
    assert.ok(!file.includes(held.secretText().slice(16, 40)))
    assert.ok(!shown.includes(held.secretText().slice(16, 40)))
  }
  assert.ok(
    !file.includes(fleetSecret) && !shown.includes(Buffer.from(fleetSecret).toString('hex').slice(0, 12)),
  )
  await assert.rejects(
    createKeyring(path, identity, { fleet, fleetSecret: null, roleKeys: [] }),
    refusedAs('DIRECTORY_TAKEN'),
  )
})

test('a blind keyring holds no secret', async context => {
  const path = join(await directoryFor(context), 'keyring.age')
  const identity = await newIdentity()
  await createKeyring(path, identity, { fleet, fleetSecret: null, roleKeys: [] })
  const keyring = await openKeyring(path, identity)
  assert.equal(keyring.fleetSecret, null)
  assert.deepEqual(keyring.heldRoles, [])
})

test('another process, a damaged and a missing file: refused', async context => {
  const dir = await directoryFor(context)
  const path = join(dir, 'keyring.age')
  const [identity, other] = [await newIdentity(), await newIdentity()]
  await assert.rejects(openKeyring(path, identity), refusedAs('DATA_MISSING'))
  await createKeyring(path, identity, { fleet, fleetSecret: newFleetSecret(), roleKeys: roleKeys('tester') })
  await assert.rejects(openKeyring(path, other), refusedAs('INTEGRITY_FAILED'))
  const bytes = await readFile(path)
  const damaged = join(dir, 'damaged.age')
  for (const at of [0, 40, 120, bytes.length - 1]) {
    await writeFile(damaged, flipped(bytes, at), { mode: 0o600 })
    await assert.rejects(openKeyring(damaged, identity), refusedAs('INTEGRITY_FAILED', 'AGE-SECRET'))
  }
})

test('whatever is sealed inside, it is a keyring or a SlurpError', async context => {
  const dir = await directoryFor(context)
  const identity = await newIdentity()
  const secret = newRoleKey('tester' as RoleName).identity.secretText()
  const field = fc.oneof(
    fc.constantFrom<unknown>(1, null, fleet, secret, []),
    fc.anything({ maxDepth: 2, values: [fc.string(), fc.integer(), fc.constant(secret)] }),
  )
  const shaped = fc.record(
    {
      format: fc.constantFrom(1, 1, 1, 2),
      fleet: field,
      fleetSecret: fc.oneof(field, fc.uint8Array()),
      roles: fc.oneof(field, fc.array(fc.array(field))),
    },
    { requiredKeys: [] },
  )
  let file = 0
  await fc.assert(
    fc.asyncProperty(
      fc.oneof(
        fc.uint8Array(),
        shaped.map(value => encodeOrNull(value)),
      ),
      async bytes => {
        const path = join(dir, String(file++))
        await writeFile(path, await sealTo([identity.ageRecipient], bytes), { mode: 0o600 })
        await openKeyring(path, identity).catch((failure: unknown) => {
          assert.ok(failure instanceof SlurpError, String(failure))
          assert.ok(!failure.message.includes(secret))
        })
      },
    ),
    { numRuns: 150 },
  )
})

/** fast-check makes some values that CBOR has no form for. */
function encodeOrNull(value: unknown): Uint8Array {
  try {
    return encode(value)
  } catch (failure) {
    assert.ok(failure instanceof Error)
    return encode(null)
  }
}
