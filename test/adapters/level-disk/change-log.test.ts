// Goal: whoever follows a disk is told every change, in order, also after a restart, or is told that the list does not go
// back so far. Method: real databases in folders; batches of records with and without a subject.
import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { test } from 'node:test'
import { openLevelDisk } from '../../../node/adapters/level-disk/open-level-disk.ts'
import type { DiskChange } from '../../../node/ports/ports.ts'
import { emptyFolder, removeFolder } from './folders.ts'

const followed = 0x68
const record = (letter: number, about: number): DiskChange => ({
  kind: 'put',
  key: Uint8Array.of(letter, about, 1),
  value: Uint8Array.of(1),
})
const open = (folder: string, more = {}) =>
  openLevelDisk({
    dir: `${folder}/data`,
    expectExisting: false,
    ...more,
    subjectOf: key => (key[0] === followed ? key.subarray(1, 2) : null),
  })
type Opened = Awaited<ReturnType<typeof open>>

const write = ({ disk }: Opened, ...batch: DiskChange[]): Promise<void> =>
  new Promise((resolve, reject) => disk.write(batch, failure => (failure ? reject(failure) : resolve())))
const told = async ({ changes }: Opened, after: number, batchesMax = 100) => {
  const found = await changes.read(after, batchesMax)
  return found && { through: found.through, about: found.subjects.map(([about]) => about) }
}

test('changes are told in order, each subject once a batch, and survive a restart', async () => {
  const folder = await emptyFolder()
  let opened = await open(folder)
  let calls = 0
  const end = opened.changes.listen(() => calls++)
  await write(opened, record(followed, 1), record(followed, 1), record(followed, 2))
  await write(opened, record(0x70, 9))
  await write(opened, { kind: 'delete', key: Uint8Array.of(followed, 3, 1) })
  end()
  await write(opened, record(followed, 4))
  assert.equal(calls, 3)
  assert.deepEqual(await told(opened, 0), { through: 4, about: [1, 2, 3, 4] })
  await opened.close()
  opened = await open(folder)
  assert.equal(opened.changes.last, 4)
  assert.deepEqual(await told(opened, 1), { through: 4, about: [3, 4] })
  assert.deepEqual(await told(opened, 0, 2), { through: 3, about: [1, 2, 3] })
  assert.deepEqual(await told(opened, 4), { through: 4, about: [] })
  assert.equal(await told(opened, 5), null, 'a follower that knows more than the disk')
  await opened.close()
  await removeFolder(folder)
})

test('a disk that lost records is looked through anew', async () => {
  const folder = await emptyFolder()
  const before = await openLevelDisk({ dir: `${folder}/data`, expectExisting: false })
  await new Promise(resolve => before.disk.write([record(followed, 1)], resolve))
  await before.close()
  let opened = await open(folder)
  await write(opened, record(followed, 2))
  assert.deepEqual(await told(opened, 1), { through: 2, about: [2] })
  await opened.close()
  await writeFile(`${folder}/data.damage`, '')
  opened = await open(folder)
  assert.equal(await told(opened, 1), null)
  assert.deepEqual(await told(opened, 2), { through: 2, about: [] })
  await write(opened, record(followed, 3))
  assert.equal(await told(opened, 1), null)
  await opened.acknowledgeDamage()
  await opened.close()
  opened = await open(folder)
  assert.equal(await told(opened, 1), null)
  assert.deepEqual((await told(opened, 2))?.about, [3])
  await opened.close()
  await removeFolder(folder)
})

test('the list is as long as its window', async () => {
  const folder = await emptyFolder()
  const opened = await open(folder, { changeWindow: 8 })
  for (let number = 1; number <= 10; number++) await write(opened, record(followed, number))
  assert.equal(await told(opened, 1, 1), null)
  assert.deepEqual(await told(opened, 2, 1), { through: 3, about: [3] })
  await opened.close()
  await removeFolder(folder)
})
