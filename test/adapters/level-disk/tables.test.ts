import assert from 'node:assert/strict'
import { readdir, readFile, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { ClassicLevel } from 'classic-level'
import fc from 'fast-check'
import { crc32c } from '../../../node/adapters/level-disk/crc32c.ts'
import { liveTables } from '../../../node/adapters/level-disk/manifest.ts'
import { unsnappied } from '../../../node/adapters/level-disk/snappy.ts'
import { tableIsWhole } from '../../../node/adapters/level-disk/tables.ts'
import { emptyFolder, openIn, removeFolder } from './folders.ts'

/** A table file that Level itself wrote. */
async function tableOf(compression: boolean): Promise<Buffer> {
  const folder = await emptyFolder()
  const level = new ClassicLevel<string, string>(folder, { compression })
  for (let index = 0; index < 400; index++) await level.put(`key ${index}`, `value ${index} `.repeat(20))
  await level.compactRange('', '~')
  await level.close()
  const name = (await readdir(folder)).find(each => each.endsWith('.ldb'))
  const bytes = await readFile(join(folder, name!))
  await removeFolder(folder)
  return bytes
}

// Goal: every flipped byte of a table that Level could meet is seen, and no whole table is called damaged.
// Method: tables written by Level, with and without compression, changed at every byte that matters.
for (const compression of [false, true]) {
  test(`a table ${compression ? 'with' : 'without'} compression is whole until any byte of a block changes`, async () => {
    const bytes = await tableOf(compression)
    assert.ok(tableIsWhole(bytes))
    const blocksEnd = bytes.length - 48
    for (let at = 0; at < blocksEnd; at += 61) {
      bytes[at]! ^= 0x10
      assert.ok(!tableIsWhole(bytes), `byte ${at}`)
      bytes[at]! ^= 0x10
    }
    assert.ok(tableIsWhole(bytes))
  })
}

test('damaged footers, cut tables and random bytes are no tables, and nothing is thrown', async () => {
  const bytes = await tableOf(false)
  for (let length = 0; length < bytes.length; length += 211)
    assert.ok(!tableIsWhole(bytes.subarray(0, length)))
  fc.assert(
    fc.property(fc.nat(47), fc.integer({ min: 1, max: 255 }), (at, flip) => {
      const changed = Buffer.from(bytes)
      changed[bytes.length - 48 + at]! ^= flip
      tableIsWhole(changed)
    }),
  )
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), noise => !tableIsWhole(Buffer.from(noise))))
})

test('CRC-32C agrees with the published values', () => {
  // RFC 3720, B.4, and the check value of the catalogue of parametrised CRC algorithms.
  assert.equal(crc32c(Buffer.from('123456789')), 0xe3069283)
  assert.equal(crc32c(new Uint8Array(32)), 0x8a9136aa)
  assert.equal(crc32c(new Uint8Array(32).fill(0xff)), 0x62a8ab43)
  assert.equal(crc32c(Uint8Array.from({ length: 32 }, (_, index) => index)), 0x46dd794e)
  assert.equal(crc32c(new Uint8Array(0)), 0)
})

test('Snappy: literals, short, long and overlapping copies', () => {
  const text = (bytes: readonly number[]) => {
    const plain = unsnappied(Uint8Array.from(bytes), 1000)
    return plain === null ? null : Buffer.from(plain).toString('latin1')
  }
  const abc = [...Buffer.from('abc')]
  assert.equal(text([3, 2 << 2, ...abc]), 'abc')
  assert.equal(text([9, 2 << 2, ...abc, (2 << 2) | 1, 3]), 'abcabcabc')
  assert.equal(text([8, 2 << 2, ...abc, (4 << 2) | 2, 1, 0]), 'abcccccc')
  assert.equal(text([6, 2 << 2, ...abc, (2 << 2) | 3, 3, 0, 0, 0]), 'abcabc')
  assert.equal(text([3, 60 << 2, 2, ...abc]), 'abc')
  for (const wrong of [
    [],
    [4, 2 << 2, ...abc],
    [3, 2 << 2, 97],
    [5, 2 << 2, ...abc, (1 << 2) | 2, 9, 0],
    [0x80],
    [255, 255, 255, 255, 255],
  ]) {
    assert.equal(text(wrong), null, wrong.join())
  }
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), noise => {
      const plain = unsnappied(noise, 1000)
      assert.ok(plain === null || plain.length <= 1000)
    }),
    { numRuns: 2000 },
  )
})

const tablesIn = async (folder: string): Promise<string[]> =>
  (await readdir(folder)).filter(name => name.endsWith('.ldb')).sort()
const numbersOf = (names: readonly string[]) => names.map(name => Number.parseInt(name, 10))

test('which tables count is what Level noted, through compactions and over several starts', async () => {
  const folder = await emptyFolder()
  for (let round = 0; round < 4; round++) {
    const level = new ClassicLevel<string, string>(folder, { writeBufferSize: 64 * 1024 })
    for (let index = 0; index < 400; index++) await level.put(`key ${index}`, `value ${round} `.repeat(100))
    await level.compactRange('', '~')
    await level.close()
    const live = await liveTables(folder)
    assert.deepEqual(
      [...live!].sort((a, b) => a - b),
      numbersOf(await tablesIn(folder)),
    )
  }
  const manifest = join(folder, (await readFile(join(folder, 'CURRENT'), 'latin1')).trim())
  const bytes = await readFile(manifest)
  for (let at = 0; at < bytes.length; at += 7) {
    const changed = Buffer.from(bytes)
    changed[at]! ^= 0x10
    await writeFile(manifest, changed)
    // A changed length can make it end early; a changed sum makes it unreadable. Nothing is thrown.
    await liveTables(folder)
  }
  await truncate(manifest, 0)
  assert.deepEqual(await liveTables(folder), new Set())
  await writeFile(join(folder, 'CURRENT'), 'nothing')
  assert.equal(await liveTables(folder), null)
  await removeFolder(folder)
})

test('a table that a compaction left unfinished is no loss, and one that counts is', async () => {
  const folder = await emptyFolder()
  const data = join(folder, 'data')
  const write = async () => {
    const opened = await openIn(folder)
    const value = Buffer.alloc(1000, 7)
    const batch = Array.from({ length: 400 }, (_, at) => ({
      kind: 'put' as const,
      key: Buffer.from([5, at >> 8, at & 255]),
      value,
    }))
    await new Promise(resolve => opened.disk.write(batch, resolve))
    await opened.close()
  }
  await write()
  await write()
  const [table] = await tablesIn(data)
  const bytes = await readFile(join(data, table!))
  await writeFile(join(data, '999999.ldb'), bytes.subarray(0, bytes.length / 2))
  const opened = await openIn(folder, true)
  assert.deepEqual(opened.found, { fresh: false, lostTail: false, gaps: false })
  await opened.close()
  const [counting] = await tablesIn(data)
  await truncate(join(data, counting!), bytes.length / 2)
  const damaged = await openIn(folder, true)
  assert.equal(damaged.found.gaps, true)
  await damaged.close()
  await removeFolder(folder)
})
