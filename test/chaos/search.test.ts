// Goal: what is carried out while a fleet is being searched is no broken promise, and what is found and does not stand is one.
// Method: a server that answers as a door does, whose history grows after it was read.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type TestContext, test } from 'node:test'
import { impatient } from '../../sim/chaos/after/read-back.ts'
import { searchWhatStands } from '../../sim/chaos/after/search.ts'
import type { Call, ChainEntry } from '../../sim/chaos/history/call.ts'
import { canaryOf } from '../../sim/chaos/load/ask.ts'

const address = 'ucxl://any:any@chaos:any/*^/cold/1'
const mark = 'w1-1'
const calls = [{ address, ask: { kind: 'put', mark, ifVersion: null } } as unknown as Call]

/** A door at which a version is found, and that tells this history of it. */
async function search(t: TestContext, versions: readonly object[]) {
  const server = createServer((request, response) => {
    if (request.method !== 'POST') return response.end(JSON.stringify({ versions }))
    let body = ''
    request.setEncoding('utf8').on('data', text => {
      body += text
    })
    request.on('end', () => {
      const hits = body.includes(canaryOf(mark)) ? [{ address, version: 'v1' }] : []
      response.end(JSON.stringify({ hits, total: hits.length, coverage: 1, missing: [] }))
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const chains = new Map<string, ChainEntry[]>([[address, []]])
  const doors = [{ name: 'p1', url, token: 'secret' }]
  const asked = { doors, addresses: new Set([address]), chains, calls, persistence: impatient, withinMs: 0 }
  return { found: await searchWhatStands(asked), chains }
}

test('a write that was carried out since its history was read is looked for as what stands', async t => {
  const { found, chains } = await search(t, [{ version: 'v1', author: 'p1', decision: { reason: mark } }])
  assert.deepEqual(found.violations, [])
  assert.equal(chains.get(address)![0]!.version, 'v1', 'the checker sees it too')
})

test('what is found and is in no history is told of, with its version', async t => {
  const { found } = await search(t, [])
  assert.deepEqual(
    found.violations.map(({ version }) => version),
    ['v1'],
  )
})
