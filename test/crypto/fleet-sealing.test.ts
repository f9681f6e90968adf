// Goal: a setting of a fleet opens for whoever has its secret, as what it was sealed, and for nobody else. Method: other
// secrets, other fleets, other names, changed bytes.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SlurpError } from '../../base/errors.ts'
import type { FleetId } from '../../base/ids.ts'
import { newFleetSecret } from '../../crypto/context-key.ts'
import { openForFleet, sealForFleet } from '../../crypto/fleet-sealing.ts'

const fleet = 'a'.repeat(64) as FleetId
const other = 'b'.repeat(64) as FleetId
const secret = newFleetSecret()
const text = Buffer.from('keeps ten versions')
const refused = (thrown: unknown) => thrown instanceof SlurpError && thrown.code === 'INTEGRITY_FAILED'

test('what was sealed opens with the secret, and shows neither text nor exact length', async () => {
  const sealed = await sealForFleet(secret, fleet, 'retention', text)
  assert.deepEqual(Buffer.from(await openForFleet(secret, fleet, 'retention', sealed)), text)
  assert.ok(!Buffer.from(sealed).includes('versions'))
  const longer = await sealForFleet(secret, fleet, 'retention', Buffer.concat([text, text]))
  assert.equal(longer.length, sealed.length)
})

test('another secret, fleet or name, or one changed byte, opens nothing', async () => {
  const sealed = await sealForFleet(secret, fleet, 'retention', text)
  await assert.rejects(openForFleet(newFleetSecret(), fleet, 'retention', sealed), refused)
  await assert.rejects(openForFleet(secret, other, 'retention', sealed), refused)
  await assert.rejects(openForFleet(secret, fleet, 'other', sealed), refused)
  for (const at of [0, 40, sealed.length - 1]) {
    const changed = Uint8Array.from(sealed)
    changed[at]! ^= 1
    await assert.rejects(openForFleet(secret, fleet, 'retention', changed), refused)
  }
})
