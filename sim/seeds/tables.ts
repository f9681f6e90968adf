import type { Report } from './report.ts'

/** The report as tables for a page of docs/, headings not included. */
export function markdownOf(report: Report): string {
  const { seeds, brokenSeeds } = report
  const totals: [string, string][] = [
    ['seeds', whole(seeds)],
    ['broken', brokenSeeds === 0 ? 'none: every invariant held' : whole(brokenSeeds)],
    ['schedules, all different', whole(report.schedules)],
    ['operations', whole(report.operations)],
    ['of unknown outcome', whole(report.unknown)],
    ['events', whole(report.events)],
    ['frames', whole(report.frames)],
    ['time', durationWords(report.seconds)],
    ['seeds in a second', rateOf(report).toFixed(1)],
    ['which seeds', report.spans.map(([first, last]) => `${first} to ${last}`).join(', ')],
    ['fingerprint of the sources', report.sources.map(source => `\`${source}\``).join(', ')],
  ]
  const faults = Object.entries(report.faults)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([kind, { seeds: on, struck }]) => [`\`${kind}\``, whole(on), whole(struck)])
  const shares = (counts: Readonly<Record<string, number>>) =>
    Object.entries(counts).map(([name, count]) => [name, whole(count), percent(count, seeds)])
  const tables = [
    table(['what', 'how much'], totals),
    table(['fault', 'seeds with it', 'times it struck'], faults),
    table(['peers', 'seeds', 'share'], shares(report.peers)),
    table(['scenario', 'seeds', 'share'], shares(report.scenarios)),
    table(['kinds of faults at once', 'seeds', 'share'], shares(report.faultsOn)),
  ]
  if (report.broken.length > 0) {
    const rows = report.broken.map(({ seed, invariant, what }) => [`${seed}`, `${invariant}`, what])
    tables.push(table(['broken seed', 'invariant', 'what'], rows))
  }
  return tables.join('\n\n')
}

/** The report in words, for a terminal. */
export function wordsOfReport(report: Report): string[] {
  const { seeds, faults } = report
  const list = (counts: Readonly<Record<string, number>>, after: string) =>
    Object.entries(counts)
      .map(([name, count]) => `${whole(count)} ${after} ${name}`)
      .join(', ')
  const broken = report.broken.map(
    ({ seed, invariant, what }) => `  seed ${seed}: invariant ${invariant}: ${what.split('\n')[0]}`,
  )
  return [
    `${whole(seeds)} seeds (${report.spans.map(([first, last]) => `${first}-${last}`).join(', ')}) in ${durationWords(report.seconds)}, ${rateOf(report).toFixed(1)} a second`,
    `${whole(report.operations)} operations, ${whole(report.unknown)} of unknown outcome; ${whole(report.events)} events, ${whole(report.frames)} frames`,
    `${whole(report.schedules)} different schedules`,
    `faults, times struck: ${Object.entries(faults)
      .map(([kind, { struck }]) => `${kind} ${whole(struck)}`)
      .join(', ')}`,
    `peers: ${list(report.peers, 'with')}`,
    `scenarios: ${list(report.scenarios, 'of')}`,
    `kinds of faults at once: ${list(report.faultsOn, 'with')}`,
    seeds === 0
      ? 'nothing was run'
      : report.brokenSeeds === 0
        ? 'every invariant held'
        : `BROKEN: ${whole(report.brokenSeeds)} seeds`,
    ...broken,
  ]
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map(inCell).join(' | ')} |`
  return [line(head), `|${' --- |'.repeat(head.length)}`, ...rows.map(line)].join('\n')
}

const inCell = (text: string): string => text.replace(/\s+/g, ' ').replaceAll('|', '\\|')
const rateOf = ({ seeds, seconds }: Report): number => (seconds > 0 ? seeds / seconds : 0)
const whole = (count: number): string => count.toLocaleString('en-US')
const percent = (part: number, of: number): string => (of === 0 ? '-' : `${((part * 100) / of).toFixed(1)} %`)

function durationWords(seconds: number): string {
  if (seconds < 120) return `${seconds.toFixed(0)} s`
  return seconds < 7_200 ? `${(seconds / 60).toFixed(0)} min` : `${(seconds / 3_600).toFixed(1)} h`
}
