// Goal: a peer that has no keys yet takes its part in what needs none from its first moment, duties among it. Method: a
// real fleet of one whose only share of each key is gone: it leads at once, while its start waits for keys in vain.
import assert from 'node:assert/strict'
import { renameSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { KeyFleet, until } from '../keys/fleets.ts'

test('a peer that is told to carry out a duty before its keys are open does so', async t => {
  const fleet = await KeyFleet.make({ peers: 1 })
  t.after(() => fleet.close())
  const shares = join(fleet.dir, 'p1', 'shares')
  renameSync(shares, `${shares}.away`)
  await fleet.start()
  const { control, keys, store } = fleet.peer('p1')
  assert.notEqual(keys.status().state, 'open')
  await assert.rejects(store.retrieveContext('ucxl://any:any@sealed:any/*^/none'), { code: 'SEALED' })
  const { duties } = control.duties()
  assert.ok(duties.some(({ name }) => name === 'history-retention'))
  await until('every duty has run', () => control.duties().duties.every(({ runs }) => runs > 0))
})
