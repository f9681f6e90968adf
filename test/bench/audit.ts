// Goal: what an audit entry costs a put. Method: a fleet of three peers in one process with two doors to the same peer,
// one that records and one that does not; clients in this process put through them in turns of a second, which changes
// side first from round to round. Processor time of the whole fleet by put, and the wait of a client; medians of the
// quotients of the two turns of a round, as whatever else the machine does meets both. On a busy machine that quotient says
// little, so the log is also driven alone, and its cost set beside that of a put.
// Run: node test/bench/audit.ts [--rounds N] [--clients N,N]
import { fork } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import type { Ready, Used } from './audit-fleet.ts'
import { measureLog } from './audit-log.ts'
import { newSide, runLoad, type Side } from './http-load.ts'
import { describeMachine } from './machine.ts'
import { median } from './sealing.ts'

const { values: options } = parseArgs({
  options: { rounds: { type: 'string', default: '30' }, clients: { type: 'string', default: '1,16,64' } },
})
const rounds = Number(options.rounds)
const clientCounts = options.clients.split(',').map(Number)
const turnMs = 1000
const warmUpMs = 10_000
const context = JSON.stringify({
  title: 'bench',
  content: randomBytes(4096).toString('base64').slice(0, 4096),
})

type Figures = { userUs: number; cpuUs: number; p50Ms: number; perSecond: number }

const scratch = mkdtempSync(join(tmpdir(), 'slurp-bench-audit-'))
const child = fork(fileURLToPath(new URL('audit-fleet.ts', import.meta.url)), [join(scratch, 'fleet')])
child.once('exit', code => {
  if (code === 0) return
  console.error(`the fleet ended with ${code}`)
  process.exit(1)
})
try {
  const { cpu, cores, otherLoad, stalled } = await describeMachine()
  console.log(
    `${cpu}, ${cores} cores, ${(otherLoad * 100).toFixed(0)} % of them busy before, stood still for ${(stalled * 100).toFixed(0)} % of the time; ${rounds} rounds`,
  )
  const [ready] = (await once(child, 'message')) as [Ready]
  const headers = { authorization: `Bearer ${ready.token}` }
  const sides = { off: newSide([ready.doors.off]), on: newSide([ready.doors.on]) }
  const used = async (): Promise<Used> => {
    const told = once(child, 'message')
    child.send('used')
    return ((await told) as [Used])[0]
  }
  let keys = 0
  const turn = async (side: Side, clients: number, ms: number): Promise<Figures> => {
    const before = await used()
    const measured = await runLoad(side, {
      clients,
      ms,
      next: () => {
        keys += 1
        const path = `/v1/contexts/${encodeURIComponent(`ucxl://any:any@bench:any/*^/k${keys}`)}`
        return { method: 'PUT', path: `${path}?roles=architect,developer`, body: context, headers }
      },
    })
    if (measured.failed > 0) throw new Error(`puts failed: ${measured.complaint}`)
    const after = await used()
    const userUs = (after.userUs - before.userUs) / measured.count
    const systemUs = (after.systemUs - before.systemUs) / measured.count
    return { userUs, cpuUs: userUs + systemUs, p50Ms: measured.p50Ms, perSecond: measured.perSecond }
  }
  await turn(sides.off, 16, warmUpMs)
  await turn(sides.on, 16, warmUpMs)
  console.log('| clients | audit | user µs a put | user and system µs a put | p50 ms | puts/s |')
  console.log('| ---: | --- | ---: | ---: | ---: | ---: |')
  for (const clients of clientCounts) {
    const measured: Record<'off' | 'on', Figures[]> = { off: [], on: [] }
    for (let round = 0; round < rounds; round++)
      for (const name of round % 2 === 0 ? (['off', 'on'] as const) : (['on', 'off'] as const))
        measured[name].push(await turn(sides[name], clients, turnMs))
    const alone = await measureLog(join(scratch, `alone-${clients}`), clients)
    const share = (alone.userUs / median(measured.off.map(({ userUs }) => userUs))) * 100
    for (const name of ['off', 'on'] as const) {
      const of = (field: keyof Figures) => median(measured[name].map(each => each[field]))
      const cells = [
        of('userUs').toFixed(0),
        of('cpuUs').toFixed(0),
        of('p50Ms').toFixed(2),
        of('perSecond').toFixed(0),
      ]
      console.log(`| ${clients} | ${name} | ${cells.join(' | ')} |`)
    }
    const cost = (field: keyof Figures) => {
      const each = measured.on
        .map((on, i) => (on[field] / measured.off[i]![field] - 1) * 100)
        .toSorted((a, b) => a - b)
      const at = (part: number) => each[Math.floor(each.length * part)]!.toFixed(1)
      return `${at(0.5)} % (${at(0.25)} to ${at(0.75)})`
    }
    const fields = ['userUs', 'cpuUs', 'p50Ms', 'perSecond'] as const
    console.log(`| ${clients} | cost, quartiles | ${fields.map(cost).join(' | ')} |`)
    const figures = `${alone.userUs.toFixed(1)} (${share.toFixed(1)} %) | ${alone.cpuUs.toFixed(1)}`
    console.log(`| ${clients} | the log alone, of a put without it | ${figures} | | |`)
  }
} finally {
  const ended = once(child, 'exit')
  if (child.connected) child.disconnect()
  await ended
  rmSync(scratch, { recursive: true, force: true, maxRetries: 5 })
}
