// Goal: what a peer signed cannot be taken back: the others keep its checkpoints, check them, notice when they contradict
// one another, and forget nothing at a restart. Method: the real book on real files, and checkpoints as logs make them.
import assert from 'node:assert/strict'
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { hlcFrom } from '../../../base/hlc.ts'
import { type Checkpoint, encodeCheckpoint, signCheckpoint } from '../../../crypto/audit/checkpoint.ts'
import type { Identity } from '../../../crypto/identity.ts'
import { HeldCheckpoints, readHeld } from '../../../node/audit/held-checkpoints.ts'
import { fleet, newIdentity } from '../../crypto/audit/logs.ts'
import { newDir } from './sinks.ts'

const identity = await newIdentity()
const other = await newIdentity()

function checkpoint(
  seq: number,
  more: { hash?: number; atMs?: number; by?: Identity; of?: Checkpoint['fleet'] } = {},
): Buffer {
  const { hash = seq, atMs = seq, by = identity, of = fleet } = more
  const { publicKey, peerId: peer } = by
  const facts = {
    fleet: of,
    publicKey,
    seq,
    hash: new Uint8Array(32).fill(hash % 256),
    hlc: hlcFrom(1_800_000_000_000 + atMs, 0, '00000000'),
  }
  return encodeCheckpoint(
    { ...facts, peer, signature: signCheckpoint(facts, bytes => by.sign(bytes)) },
    publicKey,
  )
}
const open = (dir: string, isMember = () => true) => HeldCheckpoints.open(dir, fleet, isMember)

test('checkpoints are kept over a restart, each once, in files of the owner only', async t => {
  const dir = join(newDir(t), 'held')
  const book = await open(dir)
  assert.deepEqual(
    [5, 9, 7, 9].map(seq => book.hear(identity.peerId, checkpoint(seq))),
    ['kept', 'kept', 'kept', 'known'],
  )
  await book.save()
  book.hear(identity.peerId, checkpoint(12))
  await book.save()
  for (const name of readdirSync(dir)) assert.equal(statSync(join(dir, name)).mode & 0o777, 0o600)
  const again = await open(dir)
  assert.deepEqual(
    again.all().map(({ seq }) => seq),
    [5, 9, 7, 12],
  )
  assert.equal(again.hear(identity.peerId, checkpoint(9)), 'known')
  assert.deepEqual(again.contradicted, [])
})

test('forged, foreign and stray checkpoints are refused', async t => {
  const book = await open(newDir(t))
  const good = checkpoint(5)
  for (let at = 0; at < good.length; at += 7) {
    const bad = Buffer.from(good)
    bad[at]! ^= 1
    assert.equal(book.hear(identity.peerId, bad), 'refused')
  }
  // Signed by another one than who sent it: nobody speaks for another.
  assert.equal(book.hear(other.peerId, good), 'refused')
  assert.equal(book.hear(identity.peerId, checkpoint(5, { of: 'cd'.repeat(32) as typeof fleet })), 'refused')
  assert.equal(book.hear(identity.peerId, Buffer.alloc(0)), 'refused')
  const closed = await open(newDir(t), () => false)
  assert.equal(closed.hear(identity.peerId, good), 'refused')
  assert.deepEqual(book.all(), [])
})

test('a log that was cut or written anew contradicts what was signed, and that is not forgotten', async t => {
  const cases = [
    checkpoint(9, { hash: 1 }),
    // Later in time, and yet fewer entries: the tail was cut, and the log went on.
    checkpoint(6, { atMs: 50 }),
  ]
  for (const later of cases) {
    const dir = newDir(t)
    const book = await open(dir)
    book.hear(identity.peerId, checkpoint(9))
    assert.equal(book.hear(identity.peerId, later), 'contradicts')
    await book.save()
    assert.deepEqual((await open(dir)).contradicted, [identity.peerId])
  }
})

test('of one peer a bounded number is kept, old and new', async t => {
  const dir = newDir(t)
  const book = await open(dir)
  for (let seq = 1; seq <= 1200; seq++) book.hear(identity.peerId, checkpoint(seq))
  const kept = book.all().map(({ seq }) => seq)
  assert.ok(kept.length <= 512, `${kept.length}`)
  assert.ok(kept[0]! <= 2 && kept.at(-1) === 1200, `${kept[0]} ${kept.at(-1)}`)
  await book.save()
  assert.equal((await readHeld(dir)).length, kept.length)
})

test('a damaged file gives what is whole in it', async t => {
  const dir = newDir(t)
  const book = await open(dir)
  for (const seq of [1, 2, 3]) book.hear(identity.peerId, checkpoint(seq))
  await book.save()
  const path = join(dir, readdirSync(dir)[0]!)
  const bytes = readFileSync(path)
  bytes[200]! ^= 1
  writeFileSync(path, Buffer.concat([bytes, Buffer.alloc(50)]))
  assert.deepEqual(
    (await readHeld(dir)).map(({ checkpoint: { seq } }) => seq),
    [1, 3],
  )
})
