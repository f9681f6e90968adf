// Feeds an index until it is killed: one line on stdout for each checkpoint that is in.

import type { RoleName } from '../../base/ids.ts'
import { X25519Identity } from '../../crypto/x25519.ts'
import { SearchEngine } from '../../node/search/engine/engine.ts'
import { at, put } from './fixtures.ts'

const [dir = '', secret = '', binding = '', from = '0'] = process.argv.slice(2)
const name = 'developer' as RoleName
const identity = new X25519Identity(secret)
const engine = await SearchEngine.open({
  dir,
  bindingSecret: Buffer.from(binding, 'hex'),
  roleKeys: [{ name, keyVersion: 1, identity }],
  recipients: [{ name, keyVersion: 1, recipient: identity.recipient.text }],
  indexes: [{ name: 'main' }],
})
for (let i = Number(from); ; i++) {
  const changes = Array.from({ length: 37 }, (_, n) =>
    put(`d${i * 37 + n}`, { writtenMs: 1000 + i, content: `canary${i * 37 + n} everywhere` }),
  )
  // Every fifth step also writes over what the step before wrote.
  if (i % 5 === 4)
    changes.push(put(`d${i * 37 - 1}`, { writtenMs: 1000 + i, content: 'replaced everywhere' }))
  await engine.apply(changes, at(i + 1))
  // So that stores and merges are killed too.
  if (i % 7 === 3) void engine.optimize()
  process.stdout.write(`${i + 1}\n`)
}
