// Goal: after a kill at any moment the index is at a checkpoint that is not before the last one that was acknowledged,
// and every document up to there is found exactly once. Method: a process that feeds it is killed again and again, at
// a random number of acknowledged steps, so that stores and merges are hit too; then all files are looked through.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdir, readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { toHex } from '../../base/bytes.ts'
import { seeded } from '../../base/random.ts'
import { bindingSecret, developer, keys, newDir, startSearch } from './fixtures.ts'

const kills = 6
const perStep = 37
const child = fileURLToPath(new URL('./killed-child.ts', import.meta.url))

/** Of what is being written when it is killed either. Words long enough that sealed bytes do not spell them by chance. */
async function hasNoWord(dir: string): Promise<void> {
  let files = 0
  for (const entry of await readdir(dir, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue
    files += 1
    const text = (await readFile(join(entry.parentPath, entry.name))).toString('latin1')
    for (const word of ['canary', 'everywhere', 'replaced', 'ucxl://'])
      assert.ok(!text.includes(word), `${word} in ${entry.name}`)
  }
  assert.ok(files > 3)
}

test('a kill loses nothing that was acknowledged, and leaves no word on the disk', async t => {
  const random = seeded(11)
  const dir = await newDir(t)
  const secret = keys.find(({ name }) => name === developer)!.identity.secretText()
  const own = { roleKeys: keys.filter(({ name }) => name === developer) }
  const first = await startSearch(t, dir, own)
  await first.noteComplete()
  await first.close()
  let steps = 0
  for (let kill = 0; kill < kills; kill++) {
    const feeder = spawn(process.execPath, [child, dir, secret, toHex(bindingSecret), String(steps)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const until = steps + 1 + random.below(80)
    let acknowledged = steps
    for await (const line of createInterface({ input: feeder.stdout })) {
      acknowledged = Number(line)
      if (acknowledged >= until) feeder.kill('SIGKILL')
    }
    if (feeder.exitCode === null && feeder.signalCode === null) await once(feeder, 'exit')
    await hasNoWord(dirname(dir))
    const host = await startSearch(t, dir, own)
    const checkpoint = await host.checkpoint()
    assert.ok(
      checkpoint !== null && checkpoint.sequence >= acknowledged,
      `${checkpoint?.sequence} of ${acknowledged}`,
    )
    steps = checkpoint.sequence
    const { total } = await host.search({ roles: [developer], query: 'everywhere' })
    // Of the step that was being done some may be there already.
    assert.ok(total >= steps * perStep && total <= (steps + 1) * perStep, `${total} after ${steps} steps`)
    for (let i = 0; i < 20; i++) {
      const canary = random.below(steps * perStep)
      const step = Math.floor(canary / perStep)
      const replaced = canary % perStep === perStep - 1 && step % 5 === 3 && step + 1 < steps
      const { total: hits } = await host.search({ roles: [developer], query: `canary${canary}` })
      assert.equal(hits, replaced ? 0 : 1, `canary${canary}`)
    }
    assert.equal((await host.verify()).damaged, 0)
    await host.close()
  }
  t.diagnostic(`${steps} steps, ${steps * perStep} documents`)
})
