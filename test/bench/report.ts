import type { GrantCost } from './grant-cost.ts'
import type { Machine } from './machine.ts'
import type { Costs } from './profile.ts'
import type { SealingResult } from './sealing.ts'

/** The rows that compare with a put of etcd. */
export const newAddresses = 'write, new addresses'

/** One line of the comparison: medians over the rounds. */
export type Row = {
  readonly what: string
  readonly clients: number
  readonly slurp: Figures
  readonly etcd: Figures | null
}

export type Figures = {
  readonly perSecond: number
  readonly lowest: number
  readonly highest: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly failed: number
}

export type Report = {
  readonly date: string
  readonly machine: Machine
  readonly quick: boolean
  readonly etcdVersion: string | null
  readonly rows: readonly Row[]
  readonly rounds: number
  readonly roundMs: number
  readonly sealing: readonly SealingResult[]
  /** What it costs that every put is judged and recorded. */
  readonly checks: {
    readonly grants: readonly GrantCost[]
    /** One audit entry: hashed, chained, written, and its part of checkpoints and syncs. */
    readonly entryUs: number
    /** A put through the door, in all three peers together, where it took the least. */
    readonly putUs: number
  }
  readonly five: {
    readonly startMs: number
    readonly madeMs: number
    readonly reopenMs: number
    /** `npm start` as it is typed, on a machine where it is installed. */
    readonly demo: { readonly readyMs: number; readonly stored: number }
    readonly idleMb: readonly number[]
    readonly idleCpuPercent: number
    readonly afterImportMb: readonly number[]
    readonly imported: {
      readonly stored: number
      readonly failed: number
      readonly seconds: number
      readonly wallSeconds: number
    } | null
  }
  readonly costs: Costs | null
}

/** The comparison for a terminal. */
export function asText(report: Report): string {
  const lines = comparison(report).map(cells =>
    cells.map((cell, i) => (i === 0 ? cell.padEnd(34) : cell.padStart(13))).join(''),
  )
  return [...lines, '', ...facts(report).map(([name, value]) => `${name.padEnd(40)} ${value}`), ''].join('\n')
}

type Aim = { readonly what: string; readonly aim: string; readonly reached: string; readonly met: boolean }

/** What this release set out to reach, beside what was measured. */
function aims({ rows, five, checks }: Report): Aim[] {
  const list: Aim[] = []
  const add = (what: string, aim: string, reached: string, met: boolean) =>
    list.push({ what, aim, reached, met })
  for (const [clients, least] of [
    [64, 0.7],
    [1, 0.5],
  ] as const) {
    const row = rows.find(each => each.what === newAddresses && each.clients === clients)
    if (!row?.etcd) continue
    const ratio = row.slurp.perSecond / row.etcd.perSecond
    add(`writes beside etcd, ${clients} clients`, `at least ${least}`, ratio.toFixed(2), ratio >= least)
  }
  if (five.imported) {
    const rate = five.imported.stored / five.imported.seconds
    add('import into five peers', 'at least 700 a second', rate.toFixed(0), rate >= 700)
  }
  const judgedUs = Math.max(...checks.grants.map(({ checksUs }) => checksUs)) + checks.entryUs
  const part = (100 * judgedUs) / checks.putUs
  add('grant check and audit entry together', 'under 5 % of a put', `${part.toFixed(1)} %`, part < 5)
  const idleMb = Math.max(...five.idleMb)
  add('memory of an idle peer', 'under 130 MB', `${idleMb.toFixed(0)} MB`, idleMb < 130)
  const { readyMs } = five.demo
  add(
    '`npm start` to ready, sample stored',
    'within 6 s',
    `${(readyMs / 1000).toFixed(1)} s`,
    readyMs <= 6000,
  )
  return list
}

/** docs/BENCHMARKS.md. */
export function asMarkdown(report: Report): string {
  const { machine, etcdVersion, rounds, roundMs, checks } = report
  const [head = [], ...body] = comparison(report)
  return `# Benchmarks

Written by \`npm run bench\`; do not edit, run it again. Ratios are worth more than figures: the machine is shared.

| | |
| --- | --- |
| date | ${report.date} |
| commit | ${machine.commit} |
| machine | ${machine.cpu}, ${machine.cores} cores, ${machine.memory} |
| system | ${machine.kernel}, Node ${machine.node}, etcd ${etcdVersion ?? 'not installed'} |
| busy with other work just before | ${Math.round(machine.otherLoad * 100)} % of all cores |
| stood still just before | ${Math.round(machine.stalled * 100)} % of the time: a loop that only counts got through less than half its work |

## Aims

${markdownTable(
  ['', 'aim', 'reached', ''],
  aims(report).map(({ what, aim, reached, met }) => [what, aim, reached, met ? 'met' : 'missed']),
)}

## Beside etcd

Three peers of SLURP with three replicas, and three nodes of etcd, on the same machine and disk, both with synced
writes. They take turns: etcd's round, SLURP's round, ${rounds} of each, ${(roundMs / 1000).toFixed(1)} s a round; the table holds medians, and
the ratio is SLURP's rate by etcd's. Values have 4 KB of random text. Both are driven by the same client code over
HTTP/1.1 with kept connections, spread over all doors: SLURP through its own door, etcd through its JSON gateway, so
that the client costs the same on both sides. The gateway is slower than etcd's own gRPC; the client and all
servers share the cores.

SLURP's writes are validated, compressed, padded, sealed to two roles, signed, and checked by every replica; etcd's
are plain. *New addresses* is the comparison with a put. Reads are linearizable on both sides.

${markdownTable(head, body)}

## What a grant check and an audit entry cost

Microseconds of processor. A put through the door takes ${checks.putUs.toFixed(0)} in all three peers together, in the round in which it
took least; an audit entry, its write and its part of checkpoints and syncs ${checks.entryUs.toFixed(1)}. *Checks* are the caller of the door and the
look at the envelope by the coordinator and three replicas; beside them what the same put costs in sealing, one signature
and three checks of it alone, with no network and no disk.

${markdownTable(
  ['grant', 'checks', 'sealing and signatures', 'checks and entry, of a put'],
  checks.grants.map(({ name, putUs, checksUs }) => [
    name,
    checksUs.toFixed(1),
    putUs.toFixed(0),
    `${((100 * (checksUs + checks.entryUs)) / checks.putUs).toFixed(2)} %`,
  ]),
)}

No signature is checked and no calendar is asked after the first time.

## Five peers

${markdownTable(['', ''], facts(report))}

${report.costs ? whereTimeGoes(report.costs) : ''}`
}

function comparison(report: Report): string[][] {
  const head = ['', 'clients', 'SLURP /s', 'p50 ms', 'p99 ms', 'etcd /s', 'p50 ms', 'p99 ms', 'ratio']
  const rows = report.rows.map(({ what, clients, slurp, etcd }) => [
    `${what}${slurp.failed > 0 ? ` (${slurp.failed} failed)` : ''}`,
    String(clients),
    slurp.perSecond.toFixed(0),
    slurp.p50Ms.toFixed(1),
    slurp.p99Ms.toFixed(1),
    etcd ? etcd.perSecond.toFixed(0) : '–',
    etcd ? etcd.p50Ms.toFixed(1) : '–',
    etcd ? etcd.p99Ms.toFixed(1) : '–',
    etcd ? (slurp.perSecond / etcd.perSecond).toFixed(2) : '–',
  ])
  return [head, ...rows]
}

function facts({ five, sealing }: Report): [string, string][] {
  const mb = (values: readonly number[]) =>
    values.length === 0 ? '–' : `${Math.min(...values).toFixed(0)}–${Math.max(...values).toFixed(0)} MB`
  const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`
  const { imported } = five
  return [
    [
      'new fleet, command to ready',
      `${seconds(five.startMs)}, of it ${seconds(five.madeMs)} to make keys and directories`,
    ],
    ['the same fleet opened again', seconds(five.reopenMs)],
    [
      `\`npm start\` to ready, with ${five.demo.stored} contexts of the sample stored`,
      seconds(five.demo.readyMs),
    ],
    ['memory of an idle peer (RSS)', mb(five.idleMb)],
    ['processor time of an idle peer', `${five.idleCpuPercent.toFixed(1)} % of a core`],
    [
      'import of the real contexts',
      imported
        ? `${imported.stored} versions in ${imported.seconds.toFixed(1)} s: ${(imported.stored / imported.seconds).toFixed(0)} a second, ${imported.failed} failed (${imported.wallSeconds.toFixed(1)} s with the command's start)`
        : 'not measured: the file is not here',
    ],
    ['memory of a peer after the import (RSS)', mb(five.afterImportMb)],
    ...sealing.map(({ roles, sealMs, openMs }): [string, string] => [
      `4 KB sealed to ${roles} role${roles === 1 ? '' : 's'} and signed; opened`,
      `${sealMs.toFixed(2)} ms; ${openMs.toFixed(2)} ms`,
    ]),
  ]
}

function whereTimeGoes(costs: Costs): string {
  const percent = ({ name, share }: { name: string; share: number }) => [
    `\`${name}\``,
    `${(share * 100).toFixed(1)} %`,
  ]
  return `## Where the time goes

Sampled in all three peers under writes to new addresses by 64 clients; share of the time in which a peer was not
idle, callees left out. \`run\` is OpenSSL at work: ephemeral keys and key agreement for every role, one signature made and one
checked by every replica that did not make it. etcd does none of that, and all cores are busy on both sides.

${markdownTable(['place', 'share'], costs.places.slice(0, 20).map(percent))}

${markdownTable(['function', 'share'], costs.functions.slice(0, 20).map(percent))}

Steps of the work with everything below them; they contain one another.

${markdownTable(['step', 'share'], costs.whole.slice(0, 25).map(percent))}
`
}

const markdownTable = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map((_, i) => (i === 0 ? '---' : '---:')), ...rows]
    .map(cells => `| ${cells.join(' | ')} |`)
    .join('\n')
