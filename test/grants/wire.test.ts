// Goal: what a member that was taken over sends beyond its grant is stored by no replica, also when it is handed on as old;
// within its grant it is. What is taken back from it is over on every peer within five seconds. Method: real peers; the
// key, the directory and the connections of a member, and messages of the peer protocol that no honest peer would send.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { ballotFrom } from '../../base/hlc.ts'
import type { RoleName } from '../../base/ids.ts'
import { verifyFleetRecord } from '../../crypto/fleet-record.ts'
import { decodeGrantFile } from '../../crypto/grants/chain-text.ts'
import { openGrantChain } from '../../crypto/grants/grant-chain.ts'
import { memberLimits } from '../../crypto/grants/membership.ts'
import { assignmentOf } from '../../dht/view.ts'
import { type Attacker, takeOver, takePart } from '../attacks/attacker.ts'
import { type Forgery, forgedVersion } from '../attacks/forged-version.ts'
import { KeyFleet, until } from '../keys/fleets.ts'

const fleet = await KeyFleet.make({ peers: 3 })
const revokedWithinMs = 5_000
let attacker: Attacker

before(async () => {
  await fleet.start('p1', 'p2')
  await fleet.opened()
  attacker = await takeOver(fleet, 'p3', {
    ...memberLimits(true),
    roles: ['tester' as RoleName],
    operations: ['read', 'write'],
  })
  await until('it is linked as the member that it was', () => attacker.linked.size === 2)
  await takePart(fleet, ['p1', 'p2'])
})
after(async () => {
  await attacker.libp2p.stop()
  await fleet.close()
})

async function versionOf(wish: Forgery) {
  const record = verifyFleetRecord(readFileSync(join(fleet.dir, 'p3', 'fleet.json')))
  const { key, value } = await forgedVersion(attacker, record, wish)
  return { key, value, ballot: ballotFrom(value.version, 1) }
}

/** How every replica answers when the value is to be accepted, and when it is handed on as one that stood before. */
async function answers(wish: Forgery): Promise<string[]> {
  const told: string[] = []
  for (const name of ['p1', 'p2']) {
    const { id: to } = fleet.peer(name)
    for (const kind of ['accept', 'replay'] as const) {
      const { key, value, ballot } = await versionOf(wish)
      const { epoch } = assignmentOf(fleet.peer(name).ring(), key)
      const answer = await attacker.ask(to, id =>
        kind === 'accept'
          ? { kind, id, epoch, key, ballot, value, next: ballot }
          : { kind, id, epoch, key, ballot, value },
      )
      told.push(answer.kind === 'refused' ? `${kind} ${answer.reason}` : `${kind} taken`)
    }
  }
  return [...new Set(told)]
}

test('within its grant it is taken like anybody', async () => {
  assert.deepEqual(await answers({}), ['accept taken', 'replay taken'])
})

const refused = ['accept invalid', 'replay invalid']

for (const [what, wish] of [
  ['for a role that it is not granted', () => ({ roles: ['architect'] })],
  ['for one role too many', () => ({ roles: ['architect', 'tester'] })],
  ['that deletes', () => ({ kind: 'tombstone' })],
  ['that changes the rules of the fleet', () => ({ kind: 'control' })],
  ['from before it was granted', () => ({ atMs: Date.now() - 3_600_000 })],
] as const satisfies readonly (readonly [string, () => Forgery])[]) {
  test(`a version ${what} is stored by nobody`, async () => {
    const before = fleet.peer('p1').counters().envelopeRefused ?? 0
    assert.deepEqual(await answers(wish()), refused)
    assert.ok(fleet.peer('p1').counters().envelopeRefused! > before, 'and it is counted')
  })
}

test('a version under the grant of another member is stored by nobody', async () => {
  const { chain } = { chain: decodeGrantFile(readFileSync(join(fleet.dir, 'p1', 'grant.json'))) }
  const { authorityPublicKey } = verifyFleetRecord(readFileSync(join(fleet.dir, 'p1', 'fleet.json')))
  const { grantHash } = await openGrantChain(chain, authorityPublicKey)
  assert.deepEqual(await answers({ grant: grantHash }), refused)
})

test('what is taken back is over on every peer within five seconds', async () => {
  const revoked = attacker.grant
  const order = { sinceMs: null, rotate: false, dryRun: false }
  await fleet.peer('p1').grants.revoke(attacker.grantId, order)
  await until('nobody is linked to it', () => attacker.linked.size === 0, revokedWithinMs)
  for (const name of ['p1', 'p2']) {
    const known = fleet
      .peer(name)
      .grants.list()
      .find(({ id }) => id === attacker.grantId)
    assert.equal(known?.state, 'revoked', `${name} knows it: ${revoked}`)
  }
})
