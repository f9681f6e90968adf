import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { readWatermark, Watermark } from '../../../node/adapters/level-disk/watermark.ts'
import { emptyFolder, removeFolder } from './folders.ts'

// Goal: the last mark is read back, and a torn write costs at most the last one. Method: damage each slot in turn.
test('the watermark survives the loss of either slot', async () => {
  const folder = await emptyFolder()
  const path = join(folder, 'mark')
  assert.equal(readWatermark(path), 'missing')
  const first = new Watermark(path, { base: 1, last: 0 }, true)
  assert.deepEqual(readWatermark(path), { base: 1, last: 0 })
  for (let last = 1; last <= 7; last++) first.note({ base: 1, last })
  first.close()
  const again = new Watermark(path, { base: 1, last: 7 }, false)
  again.note({ base: 5, last: 8 })
  again.close()
  assert.deepEqual(readWatermark(path), { base: 5, last: 8 })

  const whole = readFileSync(path)
  const damagedAt = (...places: readonly number[]) => {
    const bytes = Buffer.from(whole)
    for (const place of places) bytes[place]! ^= 1
    writeFileSync(path, bytes)
    return readWatermark(path)
  }
  for (let at = 0; at < 20; at++) {
    assert.deepEqual(damagedAt(at), { base: 1, last: 7 })
    assert.deepEqual(damagedAt(4096 + at), { base: 5, last: 8 })
    assert.equal(damagedAt(at, 4096 + at), 'damaged')
  }
  writeFileSync(path, '')
  assert.equal(readWatermark(path), 'damaged')
  await removeFolder(folder)
})
