// Goal: a key of the key space tells nothing without the fleet secret. Method: the published vector of
// HMAC-SHA-256, and keys of one address under two secrets.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isContextKey } from '../../base/ids.ts'
import { contextKeyOf, newFleetSecret } from '../../crypto/context-key.ts'

test('it is HMAC-SHA-256 of the address (RFC 4231, case 2)', () => {
  assert.equal(
    contextKeyOf(Buffer.from('Jefe'), 'what do ya want for nothing?'),
    '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843',
  )
})

test('one address has one key a fleet, and another in another fleet', () => {
  const [mine, other] = [newFleetSecret(), newFleetSecret()]
  const address = 'ucxl://any:any@slurp:any/src/ü.ts'
  assert.ok(isContextKey(contextKeyOf(mine, address)))
  assert.equal(contextKeyOf(mine, address), contextKeyOf(Uint8Array.from(mine), address))
  assert.notEqual(contextKeyOf(mine, address), contextKeyOf(other, address))
})
