// Goal: an agent finds and lists what its grant lets it find, over peers that can read nothing, and says what it has not looked
// through. Method: real blind peers and agents in this process; what is found is asked as a program would.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import type { JoinedFleet } from '../../node/agent-process.ts'
import { until } from '../keys/fleets.ts'
import { BlindFleet } from './blind-fleet.ts'

const at = (path: string, project = 'shop') => `ucxl://any:any@${project}:any/*^/${path}`
const names = (all: readonly { address: string }[]) =>
  all.map(({ address }) => address.split('/').at(-1)!).sort()
const found = async (agent: JoinedFleet, query: string) => names((await agent.search.search({ query })).hits)
const finds = (agent: JoinedFleet, query: string, wanted: readonly string[]) =>
  until(`"${query}" finds ${wanted}`, async () => String(await found(agent, query)) === String(wanted))
const whole = (agent: JoinedFleet) =>
  until(
    'everything was looked through',
    async () => (await agent.search.search({ query: 'x' })).coverage === 1,
  )

test('an agent over blind peers finds and lists what it and another agent wrote', async t => {
  const fleet = await BlindFleet.start(t)
  await fleet.granter()
  const [one, two] = await Promise.all(
    ['one', 'two'].map(async name => {
      const granted = await fleet.grant()
      return await fleet.join({ ...granted, dir: join(fleet.peers.work, name), index: true, name })
    }),
  )
  await one!.store.storeContext(at('orders'), { title: 'orders of cormorants' }, { roles: ['developer'] })
  await two!.store.storeContext(at('orders/new'), { title: 'new cormorant' }, { roles: ['developer'] })
  for (const agent of [one!, two!]) {
    await finds(agent, 'cormorant', ['new', 'orders'])
    await whole(agent)
    const { contexts, coverage } = await agent.catalogue.list()
    assert.deepEqual(names(contexts), ['new', 'orders'])
    assert.deepEqual([coverage.partitions, coverage.partitionsHere], [256, 256])
  }
})
