// Goal: looks at the register and changes of it, at one time, leave one registry in memory and on the disk. Method: a
// book over a register in memory that answers late.
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { generateKeyPair } from '@libp2p/crypto/keys'
import type { PeerId, RoleName, Version } from '../../base/ids.ts'
import { fleetOf } from '../../crypto/authority.ts'
import { Identity } from '../../crypto/identity.ts'
import { dealSecrets } from '../../crypto/registry/genesis.ts'
import { entitledTo, type KeyState, recipientsOf, withEntitlement } from '../../crypto/registry/registry.ts'
import { decodeRegistry, encodeRegistry } from '../../crypto/registry/registry-codec.ts'
import { entitle } from '../../crypto/registry/statements.ts'
import { newRoleKey } from '../../crypto/roles.ts'
import { systemClock } from '../../node/adapters/system-clock.ts'
import { RegistryBook, writeRegistry } from '../../node/keys/registry-book.ts'
import { authority, writer } from '../fuzz/keys.ts'
import { quietLog } from './fleets.ts'

const role = 'tester' as RoleName

/** The first registry of a fleet of one, which holds the role. */
const dealt = () =>
  dealSecrets({
    authority,
    members: [{ peer: writer.peerId, recipient: writer.ageRecipient, roles: [role] }],
    roleKeys: [newRoleKey(role)],
    fleetSecret: new Uint8Array(32).fill(9),
    signingSecret: new Uint8Array(32).fill(8),
    createdAtMs: null,
  })

test('changes and looks at one time leave one registry, in memory and on the disk', async t => {
  const dir = mkdtempSync(join(tmpdir(), 'slurp-book-'))
  t.after(() => rmSync(dir, { recursive: true, force: true }))
  const path = join(dir, 'keys.registry')
  const peers = await Promise.all(
    Array.from({ length: 12 }, async () => new Identity(await generateKeyPair('Ed25519'))),
  )
  const { registry } = await dealt()
  await writeRegistry(path, encodeRegistry(registry))
  let stored: { version: Version; body: Uint8Array } | null = null
  let writes = 0
  const fleet = fleetOf(authority.publicKey)
  const book = new RegistryBook({
    path,
    fleet,
    clock: systemClock,
    log: quietLog,
    register: {
      async read() {
        await sleep(1)
        return stored
      },
      async swap(expected, body) {
        await sleep(1)
        if ((stored?.version ?? null) !== expected) return false
        stored = { version: `v${++writes}` as Version, body }
        return true
      },
    },
  })
  const names = entitledTo(registry, writer.peerId)
  const change = (peer: PeerId) =>
    book.change(now => withEntitlement(now, entitle(fleet, peer, names, authority)))
  let isOver = false
  const looks = (async () => {
    while (!isOver) await book.refresh()
  })()
  await Promise.all(peers.map(({ peerId }) => change(peerId)))
  isOver = true
  await looks
  await book.refresh()
  for (const now of [book.registry, decodeRegistry(Uint8Array.from(readFileSync(path)), fleet)])
    for (const { peerId } of peers) assert.deepEqual(entitledTo(now, peerId), names)
})

test('to a role that is retired nothing is sealed, also while a key of before is on its way out', async () => {
  const { registry } = await dealt()
  const entry = registry.secrets.find(({ name }) => name === role)!
  const of = (...states: KeyState[]) =>
    recipientsOf({
      ...registry,
      secrets: states.map((state, at) => ({ ...entry, state, keyVersion: at + 1 })),
    })
  assert.equal(of('ending', 'current').length, 2)
  assert.deepEqual(of('ending', 'retired'), [])
})
