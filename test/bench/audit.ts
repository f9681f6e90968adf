// Goal: what an audit entry costs a put. Method: two fleets of three processes each, one with its audit log and one with
// none, take turns under the same load in one run; processor time of all peers by put, and the wait of a client. The
// difference of two such figures is small beside what the machine does to them, so the log is also driven alone.
// Run: node test/bench/audit.ts [--rounds N] [--seconds N] [--clients N,N]
import { randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { newClock, nextHlc } from '../../base/hlc.ts'
import type { ContextKey, FleetId, RoleName } from '../../base/ids.ts'
import type { AuditDecision } from '../../crypto/audit/entry.ts'
import { createIdentity } from '../../crypto/identity.ts'
import { AuditSink } from '../../node/audit/sink.ts'
import { FolderStorage } from '../../node/audit/storage.ts'
import { type BenchFleet, startFleet } from './fleet.ts'
import { runLoad } from './http-load.ts'
import { describeMachine, processorSeconds, userSeconds } from './machine.ts'
import { median } from './sealing.ts'

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '8' },
    seconds: { type: 'string', default: '3' },
    clients: { type: 'string', default: '1,16,64' },
  },
})
const rounds = Number(options.rounds)
const roundMs = Number(options.seconds) * 1000
const clientCounts = options.clients.split(',').map(Number)
const warmUpMs = 8000
const context = JSON.stringify({
  title: 'bench',
  content: randomBytes(4096).toString('base64').slice(0, 4096),
})

type Figures = { userUs: number; cpuUs: number; p50Ms: number; perSecond: number }
type Turn = { readonly name: string; readonly fleet: BenchFleet; readonly measured: Figures[]; keys: number }

async function load(turn: Turn, clients: number, ms: number): Promise<Figures> {
  const pids = turn.fleet.peers.map(({ pid }) => pid)
  const total = (of: (pid: number) => number) => pids.reduce((sum, pid) => sum + of(pid), 0)
  const before = [total(userSeconds), total(processorSeconds)] as const
  const measured = await runLoad(turn.fleet.side, {
    clients,
    ms,
    next: () => {
      turn.keys += 1
      return turn.fleet.put(`ucxl://any:any@bench:any/*^/k${turn.keys}`, context, 'architect,developer')
    },
  })
  if (measured.failed > 0) throw new Error(`puts failed: ${measured.complaint}`)
  const each = (seconds: number) => (seconds * 1e6) / measured.count
  return {
    userUs: each(total(userSeconds) - before[0]),
    cpuUs: each(total(processorSeconds) - before[1]),
    p50Ms: measured.p50Ms,
    perSecond: measured.perSecond,
  }
}

/** Microseconds of this process for one entry, by how many come in one tick. */
async function alone(dir: string, atOnce: number): Promise<{ userUs: number; cpuUs: number }> {
  mkdirSync(dir, { recursive: true })
  const clock = newClock('0123abcd')
  const { sink } = await AuditSink.open({
    storage: new FolderStorage(join(dir, 'audit')),
    fleet: 'ab'.repeat(32) as FleetId,
    signer: await createIdentity(join(dir, 'identity.key')),
    incarnation: 1,
    now: () => nextHlc(clock, Date.now()),
    policy: 'closed',
    sync: 'second',
    bytesMax: 2 ** 30,
    onCheckpoint: () => undefined,
    report: (event, why) => console.error(event, why),
  })
  const role = { keyVersion: 1, fingerprint: '0123456789abcdef' }
  const decision: AuditDecision = {
    outcome: 'allowed',
    code: null,
    subject: 'token:0123456789abcdef',
    source: '127.0.0.1',
    operation: 'write',
    detail: 'storeContext',
    key: 'ab'.repeat(32) as ContextKey,
    roles: ['architect', 'developer'].map(name => ({ ...role, name: name as RoleName })),
    rule: 'token',
    count: 1,
  }
  const write = async (entries: number) => {
    for (let done = 0; done < entries; done += atOnce)
      await Promise.all(Array.from({ length: atOnce }, () => sink.decided(decision)))
  }
  await write(20_000)
  const entries = 40_000
  const before = process.cpuUsage()
  await write(entries)
  const { user, system } = process.cpuUsage(before)
  await sink.stop(2000)
  return { userUs: user / entries, cpuUs: (user + system) / entries }
}

const scratch = mkdtempSync(join(tmpdir(), 'slurp-bench-audit-'))
const fleets: BenchFleet[] = []
try {
  const { cpu, cores } = await describeMachine()
  console.log(`${cpu}, ${cores} cores; ${rounds} rounds of ${roundMs / 1000} s a side`)
  for (const atOnce of [1, 16, 64]) {
    const { userUs, cpuUs } = await alone(join(scratch, `alone-${atOnce}`), atOnce)
    console.log(
      `log alone, ${atOnce} at once: ${userUs.toFixed(1)} µs user, ${cpuUs.toFixed(1)} µs user and system an entry`,
    )
  }
  const turns: Turn[] = []
  for (const [name, policy] of [
    ['off', 'off'],
    ['on', 'closed'],
  ] as const) {
    const stateDir = join(scratch, `state-${name}`)
    mkdirSync(stateDir)
    const environment = { SLURP_AUDIT_POLICY: policy }
    const fleet = await startFleet({ peers: 3, dir: join(scratch, name), stateDir, environment })
    fleets.push(fleet)
    turns.push({ name, fleet, measured: [], keys: 0 })
  }
  console.log('| clients | audit | user µs a put | user and system µs a put | p50 ms | puts/s |')
  console.log('| --- | --- | --- | --- | --- | --- |')
  for (const clients of clientCounts) {
    for (const turn of turns) {
      turn.measured.length = 0
      await load(turn, clients, warmUpMs)
    }
    for (let round = 0; round < rounds; round++)
      for (const turn of round % 2 === 0 ? turns : turns.toReversed())
        turn.measured.push(await load(turn, clients, roundMs))
    const of = (turn: Turn, field: keyof Figures) => median(turn.measured.map(each => each[field]))
    for (const turn of turns) {
      const cells = [
        of(turn, 'userUs').toFixed(0),
        of(turn, 'cpuUs').toFixed(0),
        of(turn, 'p50Ms').toFixed(2),
      ]
      console.log(
        `| ${clients} | ${turn.name} | ${cells.join(' | ')} | ${of(turn, 'perSecond').toFixed(0)} |`,
      )
    }
    const [off, on] = turns as [Turn, Turn]
    // Round by round: what the machine does in one of them meets both sides.
    const ratio = (field: keyof Figures) =>
      ((median(on.measured.map((each, i) => each[field] / off.measured[i]![field])) - 1) * 100).toFixed(1)
    console.log(
      `| ${clients} | cost | ${ratio('userUs')} % | ${ratio('cpuUs')} % | ${ratio('p50Ms')} % | ${ratio('perSecond')} % |`,
    )
  }
} finally {
  await Promise.all(fleets.map(fleet => fleet.stop()))
  rmSync(scratch, { recursive: true, force: true, maxRetries: 5 })
}
