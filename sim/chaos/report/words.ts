import type { Call } from '../history/call.ts'
import type { Gap } from './availability.ts'
import type { Report } from './report.ts'

const storyCallsMax = 60
const gapsToldMax = 5

/** The report for people. */
export function reportWords(report: Report): string[] {
  const { operations, latency, checked, replicasCompared, violations } = report
  const total = Object.values(operations).reduce((sum, { served }) => sum + served, 0)
  const lines = [
    `chaos, seed ${report.seed}: ${report.minutes} min, ${report.peers} peers, ${report.replicas} replicas, ${report.workers} clients`,
    `  served      ${total} calls in all`,
  ]
  for (const [kind, { served, refused, unknown }] of Object.entries(operations))
    lines.push(`  ${kind.padEnd(11)} ${served} served, ${refused} refused, ${unknown} of unknown outcome`)
  lines.push(`  refusals    ${listed(report.refusals)}`)
  for (const when of ['before', 'during', 'moving', 'calm'] as const) {
    const { read, write } = latency[when]
    const words = (of: typeof read) => `${of.calls}, p50 ${of.p50} ms, p99 ${of.p99} ms, most ${of.most} ms`
    lines.push(`  ${when.padEnd(11)} reads ${words(read)}; writes ${words(write)}`)
  }
  lines.push('  fault        count   longest without service   alone')
  for (const [kind, { count, longestMs, longestAloneMs }] of Object.entries(report.faults))
    lines.push(
      `    ${kind.padEnd(11)} ${String(count).padStart(4)}   ${`${longestMs} ms`.padStart(23)}   ${longestAloneMs} ms`,
    )
  const { copies, leastCopies, bytes, leastBytes } = report.moved
  if (copies + leastCopies > 0)
    lines.push(
      `  moved       ${copies} copies of partitions, ${(copies / leastCopies).toFixed(2)} of the least; ${bytes} bytes, ${(bytes / leastBytes).toFixed(2)} of the least`,
    )
  if (report.rebuiltMs !== null)
    lines.push(`  rebuilt     after a lost disk within ${(report.rebuiltMs / 1_000).toFixed(1)} s`)
  const { cores, load, stalledMs } = report.machine
  lines.push(
    `  machine     ${cores} cores, load ${load}; the clients stood still for ${stalledMs} ms at most`,
  )
  lines.push(
    `  checked     ${checked.addresses} addresses, ${checked.acknowledged} acknowledged versions read back, ${checked.surfaced} of unknown outcome found there`,
  )
  const { keys, behind, ahead, holes, rounds } = replicasCompared
  lines.push(
    `  replicas    ${keys} keys compared, ${behind} behind, ${ahead} with a value never chosen, ${holes} older versions missing, round ${rounds}`,
  )
  lines.push(
    `  searched    ${report.searched.standing} contexts found once by their word, ${report.searched.gone} words found nowhere`,
  )
  lines.push(`  took        ${report.tookS} s`)
  lines.push(`  violations  ${violations.length}`)
  for (const { address, what } of violations) lines.push(`    ${address}: ${what}`)
  if (report.keptIn !== null) lines.push(`  kept in     ${report.keptIn}`)
  return lines
}

const listed = (counts: Readonly<Record<string, number>>): string =>
  Object.entries(counts)
    .sort(([, a], [, b]) => b - a)
    .map(([name, count]) => `${name} ${count}`)
    .join(', ') || 'none'

/** The last calls of one address and the faults between them, in the order in which they began. */
export function storyOf(
  address: string,
  calls: readonly Call[],
  faults: readonly { readonly atMs: number; readonly what: string }[],
): string[] {
  const told = calls
    .filter(call => call.address === address)
    .toSorted((a, b) => a.calledAt - b.calledAt)
    .slice(-storyCallsMax)
  const firstMs = told[0]?.calledMs ?? 0
  const lines = [
    ...told.map(call => ({ atMs: call.calledMs, text: callWords(call) })),
    ...faults.filter(({ atMs }) => atMs >= firstMs).map(({ atMs, what }) => ({ atMs, text: `** ${what}` })),
  ].sort((a, b) => a.atMs - b.atMs)
  return lines.map(({ atMs, text }) => `${(atMs / 1_000).toFixed(3).padStart(10)}  ${text}`)
}

/** The longest gaps with what their clients tried, for whoever wants to know why. */
export function worstGaps(gaps: readonly Gap[], calls: readonly Call[]): Report['worst'] {
  return gaps
    .toSorted((a, b) => b.ms - a.ms)
    .slice(0, gapsToldMax)
    .map(({ worker, fromMs, toMs, ms }) => ({
      ms: Math.round(ms),
      calls: calls
        .filter(call => call.worker === worker && call.calledMs >= fromMs && call.returnedMs <= toMs)
        .slice(0, storyCallsMax)
        .map(call => `${(call.calledMs / 1_000).toFixed(3)}  ${call.address} ${callWords(call)}`),
    }))
}

function callWords({ worker, door, ask, outcome, returnedMs, calledAt, returnedAt }: Call): string {
  const wanted = [
    ask.kind,
    ...('mark' in ask ? [ask.mark] : []),
    ...('ifVersion' in ask && ask.ifVersion !== null ? [`if ${ask.ifVersion}`] : []),
  ].join(' ')
  const { kind, ...told } = outcome
  const heads = 'entries' in told ? { entries: told.entries.slice(0, 3).map(each => each.version) } : told
  return `${worker} at ${door}: ${wanted} -> ${kind} ${JSON.stringify(heads)} until ${(returnedMs / 1_000).toFixed(3)} (${calledAt}-${returnedAt})`
}
