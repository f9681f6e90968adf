// Goal: what holds at an address, what is stored, and what led to what are answered by every peer of a real fleet, and go on
// after a restart. Method: three processes, each with all partitions; the command line and the doors.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { Fleet, until } from './fleet.ts'

const work = mkdtempSync(join(tmpdir(), 'slurp-knowledge-'))
const peers = ['p1', 'p2', 'p3']
const at = (path: string) => `ucxl://any:any@shop:any/*^/${path}`
let fleet: Fleet

before(async () => {
  fleet = await Fleet.start(join(work, 'fleet'), work, ['--empty', '--peers', '3'])
})
after(async () => {
  await fleet.stop()
  rmSync(work, { recursive: true, force: true })
})

async function slurp(name: string, ...args: string[]): Promise<Record<string, unknown>> {
  const { code, out, err } = await fleet.slurp(name, [...args, '--json'])
  assert.equal(code, 0, `${args.join(' ')}: ${out}${err}`)
  return JSON.parse(out) as Record<string, unknown>
}

const addresses = (found: Record<string, unknown>) =>
  (found.contexts as { address: string }[]).map(({ address }) => address)

test('a change above is in the next resolve at every door', async () => {
  await slurp('p1', 'put', at('src/a/b'), '--field', 'title=leaf')
  for (const [number, name] of peers.entries()) {
    await slurp(name, 'put', at('src'), '--field', `summary=change ${number}`)
    for (const asked of peers) {
      const { context } = await slurp(asked, 'resolve', at('src/a/b'))
      assert.deepEqual(context, { title: 'leaf', summary: `change ${number}` })
    }
  }
  const { changes } = await slurp('p2', 'diff', at('src'))
  assert.equal((changes as { field: string }[])[0]?.field, 'summary')
})

test('what is stored is listed by every peer, also after a restart', async () => {
  await slurp('p2', 'put', at('old'), '--field', 'decision.status=withdrawn')
  await slurp('p3', 'put', at('new'), '--field', 'decision.follows=old')
  const all = [at('new'), at('old'), at('src'), at('src/a/b')]
  const listsAll = (name: string) =>
    until(`${name} lists all`, async () => {
      const { body } = await fleet.call(name, 'GET', '/v1/contexts?prefix=shop')
      return JSON.stringify(addresses(body)) === JSON.stringify(all)
    })
  for (const name of peers) await listsAll(name)
  await fleet.kill('p3')
  await fleet.revive('p3')
  await fleet.settled()
  await listsAll('p3')
  for (const name of peers) {
    assert.deepEqual(addresses(await slurp(name, 'stale')), [at('new')])
    const { nodes } = await slurp(name, 'decisions', at('old'), '--hops', '2')
    assert.deepEqual(
      (nodes as { address: string }[]).map(({ address }) => address),
      [at('old'), at('new')],
    )
  }
})
