// Goal: how fast SLURP is beside etcd, on this machine, now. Method: real processes of both, in turns, driven by the
// same client; then five peers alone. Prints a table and writes docs/BENCHMARKS.md.
import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { measureLog } from './audit-log.ts'
import { type Etcd, etcdPut, etcdRead, etcdVersion, startEtcd } from './etcd.ts'
import { type BenchFleet, importInto, startFleet, timeNpmStart } from './fleet.ts'
import { measureGrants } from './grant-cost.ts'
import { type Load, type Measured, runLoad, type Side } from './http-load.ts'
import { describeMachine, processorSeconds, residentMb } from './machine.ts'
import { writeSections } from './page.ts'
import { type Costs, profilable, sample } from './profile.ts'
import { asMarkdown, asText, type Figures, newAddresses, type Report, type Row } from './report.ts'
import { measureSealing, median } from './sealing.ts'

const usage = `usage: npm run bench -- [--quick] [--dry-run] [--no-profile] [--dir DIR]
  --quick       fewer and shorter rounds: under 90 s
  --dry-run     print, but leave docs/BENCHMARKS.md alone
  --no-profile  leave out the profile under load
  --dir DIR     where the data of both sides goes (default: the system's temporary directory)`

const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    'dry-run': { type: 'boolean', default: false },
    'no-profile': { type: 'boolean', default: false },
    dir: { type: 'string', default: tmpdir() },
    help: { type: 'boolean', default: false },
  },
})
if (options.help) {
  console.log(usage)
  process.exit(0)
}

const valueBytes = 4096
const roles = 'architect,developer'
const clientCounts = [1, 16, 64]
const rounds = options.quick ? 2 : 3
/** Decisions that are written together, as of 16 clients. */
const auditedAtOnce = 16
const roundMs = options.quick ? 1500 : 3000
// Servers run for weeks: what is compared is their steady state, so compilers get time to finish on both sides.
const warmUpMs = options.quick ? 4000 : 12_000
// An idle peer gives memory back after a pause (node/monitoring/idle-memory.ts): figures are those of an operator, later.
const idleMs = 12_000
const realContexts = fileURLToPath(new URL('../../../shared/data/contexts.ndjson.gz', import.meta.url))

const scratch = mkdtempSync(join(options.dir, 'slurp-bench-'))
const stateDir = join(scratch, 'state')
mkdirSync(stateDir)
const say = (text: string) => process.stderr.write(`${text}\n`)
const open: { stop(): Promise<void> }[] = []

/** Random text is the hardest case: nothing to compress. */
const value = randomBytes(valueBytes).toString('base64').slice(0, valueBytes)
const context = JSON.stringify({ title: 'bench', content: value })
const addressOf = (name: string) => `ucxl://any:any@bench:any/*^/${name}`

try {
  await run()
} finally {
  await Promise.all(open.map(each => each.stop()))
  rmSync(scratch, { recursive: true, force: true, maxRetries: 5 })
}

async function run(): Promise<void> {
  const machine = await describeMachine()
  const sealing = []
  for (const count of [1, 2, 7]) {
    sealing.push(await measureSealing(join(scratch, 'sealing'), Buffer.from(context), count))
  }
  const grants = await measureGrants()
  const log = await measureLog(join(scratch, 'log'), auditedAtOnce)
  const { rows, putUs } = await compare()
  const costs = options['no-profile'] ? null : await profile()
  const five = await measureFive()
  const report: Report = {
    date: new Date().toISOString().slice(0, 10),
    machine,
    quick: options.quick,
    etcdVersion: etcdVersion(),
    rows,
    rounds,
    roundMs,
    sealing,
    checks: { grants, entryUs: log.cpuUs, putUs },
    five,
    costs,
  }
  console.log(asText(report))
  if (options['dry-run']) return
  writeSections(asMarkdown(report))
  say('wrote docs/BENCHMARKS.md')
}

/** What both sides do in turns. Keys are counted, so that reads find what writes wrote. */
async function compare(): Promise<{ rows: Row[]; putUs: number }> {
  const version = etcdVersion()
  const etcdDir = join(scratch, 'etcd')
  mkdirSync(etcdDir)
  const etcd = version === null ? null : keep(await startEtcd(etcdDir, version))
  const fleet = keep(await startFleet({ peers: 3, dir: join(scratch, 'three'), stateDir }))
  say(`three peers are up${etcd ? `, etcd ${etcd.version} too` : '; etcd is not installed'}`)
  const slurpKeys = newKeys()
  const etcdKeys = newKeys()
  const writeSlurp = (clients: number, ms: number) => slurpWrites(fleet, slurpKeys, clients, ms)
  const readSlurp = (clients: number, ms: number) =>
    runLoad(fleet.side, { clients, ms, next: () => fleet.read(addressOf(slurpKeys.any())) })
  const writeEtcd = (clients: number, ms: number) => etcdWrites(etcd, etcdKeys, clients, ms)
  const readEtcd = (clients: number, ms: number) =>
    ifThere(etcd, side => runLoad(side, { clients, ms, next: () => etcdRead(etcdKeys.any()) }))

  for (const work of [writeEtcd, writeSlurp, readEtcd, readSlurp]) await work(64, warmUpMs)
  const rows: Row[] = []
  let putUs = Number.POSITIVE_INFINITY
  for (const clients of clientCounts) {
    const writes = newPair()
    const reads = newPair()
    for (let round = 0; round < rounds; round++) {
      writes.etcd.push(await writeEtcd(clients, roundMs))
      const beforeUs = usedUs(fleet)
      const wrote = await writeSlurp(clients, roundMs)
      putUs = Math.min(putUs, (usedUs(fleet) - beforeUs) / wrote.count)
      writes.slurp.push(wrote)
      reads.etcd.push(await readEtcd(clients, roundMs))
      reads.slurp.push(await readSlurp(clients, roundMs))
    }
    rows.push(rowOf(newAddresses, clients, writes), rowOf('read, linearizable', clients, reads))
    say(`${clients} clients: done`)
  }
  rows.push(...(await overwrites(fleet, slurpKeys, etcd, etcdKeys)))
  await drop(fleet)
  if (etcd) await drop(etcd)
  rows.sort((a, b) => (a.what < b.what ? 1 : a.what > b.what ? -1 : a.clients - b.clients))
  return { rows, putUs }
}

/** Processor time of all peers. */
function usedUs({ peers }: BenchFleet): number {
  return 1e6 * peers.reduce((sum, { pid }) => sum + processorSeconds(pid), 0)
}

/** Addresses that exist: through the door that wrote them last, and through another one, whose guess is stale. */
async function overwrites(fleet: BenchFleet, keys: Keys, etcd: Etcd | null, etcdKeys: Keys): Promise<Row[]> {
  const rows: Row[] = []
  for (const clients of [1, 64]) {
    const etcdAgain: (Measured | null)[] = []
    const same: Measured[] = []
    const others: Measured[] = []
    for (let round = 0; round < rounds; round++) {
      const own = keys.some(clients * 8)
      const pick = (client: number, turn: number, shift: number) =>
        own[(client + shift + clients * (turn % 8)) % own.length]!
      const again = (shift: number): Load => {
        const turns = new Map<number, number>()
        return {
          clients,
          ms: roundMs,
          next: client => {
            const turn = (turns.get(client) ?? 0) + 1
            turns.set(client, turn)
            return fleet.put(addressOf(pick(client, turn, shift * turn)), context, roles)
          },
        }
      }
      etcdAgain.push(
        await ifThere(etcd, side =>
          runLoad(side, { clients, ms: roundMs, next: () => etcdPut(etcdKeys.any(), value) }),
        ),
      )
      await runLoad(fleet.side, { ...again(0), ms: roundMs / 3 })
      same.push(await runLoad(fleet.side, again(0)))
      others.push(await runLoad(fleet.side, again(1)))
    }
    rows.push(rowOf('write again, same door', clients, { slurp: same, etcd: etcdAgain }))
    if (clients > 1) rows.push(rowOf('write again, other doors', clients, { slurp: others, etcd: etcdAgain }))
  }
  return rows
}

async function profile(): Promise<Costs> {
  const profiles = join(scratch, 'profiles')
  const profiled = profilable(profiles)
  const fleet = keep(await startFleet({ peers: 3, dir: join(scratch, 'profiled'), stateDir, profiled }))
  const keys = newKeys()
  await slurpWrites(fleet, keys, 64, warmUpMs)
  const pids = fleet.peers.map(peer => peer.pid)
  const costs = await sample(pids, profiles, () => slurpWrites(fleet, keys, 64, options.quick ? 3000 : 6000))
  await drop(fleet)
  say('profiled under 64 writers')
  return costs
}

async function measureFive(): Promise<Report['five']> {
  const dir = join(scratch, 'five')
  const first = keep(await startFleet({ peers: 5, dir, stateDir }))
  await sleep(idleMs)
  const idleMb = first.peers.map(peer => residentMb(peer.pid))
  const before = first.peers.map(peer => processorSeconds(peer.pid))
  await sleep(idleMs)
  const used = first.peers.map((peer, i) => processorSeconds(peer.pid) - before[i]!)
  const imported = existsSync(realContexts) ? await importInto(first, realContexts, stateDir) : null
  const afterImportMb = first.peers.map(peer => residentMb(peer.pid))
  await drop(first)
  say('imported into five peers')
  const again = keep(await startFleet({ peers: 5, dir, stateDir }))
  await drop(again)
  const demo = await timeNpmStart(stateDir)
  return {
    startMs: first.startMs.ready,
    madeMs: first.startMs.made,
    reopenMs: again.startMs.ready,
    demo,
    idleMb,
    idleCpuPercent: (100 * median(used)) / (idleMs / 1000),
    afterImportMb,
    imported,
  }
}

type Keys = {
  next(): string
  written(key: string): void
  any(): string
  some(count: number): string[]
}

function newKeys(): Keys {
  const written: string[] = []
  let count = 0
  const any = () => written[Math.floor(Math.random() * written.length)] ?? 'none'
  return {
    next: () => {
      count += 1
      return `k${count}`
    },
    written: key => {
      written.push(key)
    },
    any,
    some: wanted => Array.from({ length: wanted }, any),
  }
}

/** Every write goes to an address that was never there. */
function slurpWrites(fleet: BenchFleet, keys: Keys, clients: number, ms: number): Promise<Measured> {
  const sent = new Map<number, string>()
  return runLoad(fleet.side, {
    clients,
    ms,
    next: client => {
      const key = keys.next()
      sent.set(client, key)
      return fleet.put(addressOf(key), context, roles)
    },
    done: (_, client) => keys.written(sent.get(client)!),
  })
}

function etcdWrites(etcd: Etcd | null, keys: Keys, clients: number, ms: number): Promise<Measured | null> {
  const sent = new Map<number, string>()
  return ifThere(etcd, side =>
    runLoad(side, {
      clients,
      ms,
      next: client => {
        const key = keys.next()
        sent.set(client, key)
        return etcdPut(key, value)
      },
      done: (_, client) => keys.written(sent.get(client)!),
    }),
  )
}

async function ifThere(etcd: Etcd | null, use: (side: Side) => Promise<Measured>): Promise<Measured | null> {
  return etcd ? use(etcd.side) : null
}

type Pair = { slurp: Measured[]; etcd: (Measured | null)[] }
function newPair(): Pair {
  return { slurp: [], etcd: [] }
}

function rowOf(what: string, clients: number, { slurp, etcd }: Pair): Row {
  const measured = etcd.filter(each => each !== null)
  return { what, clients, slurp: figuresOf(slurp), etcd: measured.length > 0 ? figuresOf(measured) : null }
}

function figuresOf(measured: readonly Measured[]): Figures {
  const rates = measured.map(each => each.perSecond)
  const complaint = measured.find(each => each.complaint !== null)?.complaint
  if (complaint) say(`a request failed: ${complaint}`)
  return {
    perSecond: median(rates),
    lowest: Math.min(...rates),
    highest: Math.max(...rates),
    p50Ms: median(measured.map(each => each.p50Ms)),
    p99Ms: median(measured.map(each => each.p99Ms)),
    failed: measured.reduce((sum, each) => sum + each.failed, 0),
  }
}

function keep<T extends { stop(): Promise<void> }>(running: T): T {
  open.push(running)
  return running
}

async function drop(running: { stop(): Promise<void> }): Promise<void> {
  open.splice(open.indexOf(running), 1)
  await running.stop()
}
