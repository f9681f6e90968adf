import type { Command } from 'commander'
import { InvalidArgumentError } from 'commander'
import type { AuditPage } from '../../audit/log-reader.ts'
import type { AuditRecord } from '../../audit/records.ts'
import type { LogReport } from '../../audit/verify-directory.ts'
import { readAnswer } from '../client.ts'
import {
  type FleetOptions,
  type JsonOption,
  names,
  wholeNumber,
  withClient,
  withExamples,
  withFleet,
} from '../options.ts'
import { answer, type Session, table } from '../session.ts'

const brokenExit = 8
const limitMax = 1000

export function addAudit(command: Command, session: Session): void {
  command.description(
    'Looks at the audit log of a peer: every request that it allowed or denied, chained and signed, so that what was ' +
      'changed, removed or cut off shows.',
  )
  addTail(command, session)
  addSearch(command, session)
  addVerify(command, session)
  addExport(command, session)
}

type TailOptions = FleetOptions & { limit?: number }

function addTail(command: Command, session: Session): void {
  const tail = command
    .command('tail')
    .summary('The newest entries')
    .description('Prints the newest entries of the peer that is asked, the newest last.')
    .option('--limit <count>', 'Entries to print', wholeNumber(1, limitMax), 20)
  withExamples(withFleet(tail), ['slurp audit tail', 'slurp audit tail --limit 100 --json']).action(
    (options: TailOptions) => print(session, options, { limit: options.limit }),
  )
}

type SearchOptions = TailOptions & {
  address?: string
  subject?: string
  operation?: string
  code?: string
  role?: string
  denied?: boolean
  allowed?: boolean
  since?: string
  until?: string
  before?: number
}

function addSearch(command: Command, session: Session): void {
  const search = command
    .command('search')
    .summary('Entries by who, what, where, when and outcome')
    .description(
      'Prints the newest entries for which all that is said holds, the newest last. A search looks through a part of the ' +
        'log at a time, and says how to go on further back.',
    )
    .option('--address <address>', 'About this address; the peer hashes it, as the log holds no addresses')
    .option('--subject <subject>', 'Of this subject, as `slurp audit tail` prints it')
    .option('--operation <operation>', 'read, write, delete, history, admin:ring, connect, …')
    .option('--role <name>', 'About this role')
    .option('--code <code>', 'With this code')
    .option('--denied', 'Only what was denied')
    .option('--allowed', 'Only what was allowed')
    .option('--since <time>', 'Not before this time, ISO 8601', isoTime)
    .option('--until <time>', 'Not after this time, ISO 8601', isoTime)
    .option(
      '--before <number>',
      'Go on further back, from where a search ended',
      wholeNumber(1, Number.MAX_SAFE_INTEGER),
    )
    .option('--limit <count>', 'Entries to print', wholeNumber(1, limitMax), 100)
  withExamples(withFleet(search), [
    'slurp audit search --denied',
    "slurp audit search --address 'ucxl://any:any@notes:any/*^/first' --operation read",
    'slurp audit search --since 2026-11-01T00:00:00Z --role architect --json',
  ]).action((options: SearchOptions) => {
    const { address, subject, operation, code, role, denied, allowed, since, until, before, limit } = options
    const outcome = denied === allowed ? undefined : denied ? 'denied' : 'allowed'
    return print(session, options, {
      address,
      subject,
      operation,
      code,
      role,
      outcome,
      since,
      until,
      before,
      limit,
    })
  })
}

type VerifyOptions = FleetOptions & { dir?: string; checkpoints?: string[]; peer?: string }

function addVerify(command: Command, session: Session): void {
  const verify = command
    .command('verify')
    .summary('Check that the log is whole')
    .description(
      'Goes through a log and names the first entry that was changed, removed, reordered or cut off; exit code 8 then. With ' +
        '--dir it reads a directory or a copy of one and asks no fleet. That the end was cut off shows only by what other ' +
        'peers hold: --checkpoints names their directories.',
    )
    .option('--dir <dir>', 'Directory of a peer, or a copy of its folder `audit`')
    .option('--checkpoints <dirs>', 'Directories of other peers, separated by commas; with --dir', names)
    .option('--peer <id>', 'Peer id whose log it must be; with --dir')
  withExamples(withFleet(verify), [
    'slurp audit verify',
    'slurp audit verify --dir fleet/p1 --checkpoints fleet/p2,fleet/p3',
    'slurp audit verify --dir evidence/audit --peer 12D3KooWBpC1a98xvxTsbbxGUwqmZnag6vHaVeY3o9z4V7eSWDLW --json',
  ]).action((options: VerifyOptions) => check(session, options))
}

type ExportOptions = FleetOptions & { after?: number }

function addExport(command: Command, session: Session): void {
  const exporting = command
    .command('export')
    .summary('Print all entries, one JSON object a line')
    .description(
      'Prints the whole log, oldest entry first. Asked again with the number of the last entry, it prints what is new: ' +
        'so the log can be kept elsewhere for longer than the peer keeps it.',
    )
    .option('--after <number>', 'Only entries with a higher number', wholeNumber(0, Number.MAX_SAFE_INTEGER))
  withExamples(withFleet(exporting), [
    'slurp audit export > p1.ndjson',
    'slurp audit export --after 120345 >> p1.ndjson',
  ]).action((options: ExportOptions) => exportAll(session, options))
}

type Query = Readonly<Record<string, string | number | undefined>>

async function print(session: Session, options: FleetOptions, query: Query): Promise<void> {
  const { json, timeoutMs } = options
  const page = (await withClient(session, options, client =>
    client.call({ method: 'GET', path: '/v1/audit', query, timeoutMs }),
  )) as AuditPage
  answer(session, json, page, () => describePage(page))
}

function describePage({ entries, before }: AuditPage): string {
  const more = before === null ? [] : [`further back: --before ${before}`]
  if (entries.length === 0) return ['no entry fits', ...more].join('\n')
  return [table(entries.map(rowOf)), ...more].join('\n')
}

function rowOf(entry: AuditRecord): string[] {
  const start = [String(entry.seq), entry.at]
  switch (entry.kind) {
    case 'decision': {
      const { outcome, code, subject, operation, count, key, roles } = entry
      const times = count > 1 ? `${count} times` : ''
      const about = [
        key?.slice(0, 16) ?? '',
        roles.map(({ name, keyVersion }) => `${name}/${keyVersion}`).join(','),
      ]
      return [...start, outcome, code ?? '', operation, subject, ...about, entry.source ?? '', times]
    }
    case 'checkpoint':
      return [...start, 'signed']
    case 'started':
      return [...start, 'started', '', `boot ${entry.incarnation}`]
    case 'gap':
      return [...start, 'gap', '', `${entry.lost} decisions are not recorded (${entry.policy})`]
    case 'trimmed':
      return [...start, 'trimmed', '', `entries up to ${entry.upTo} were let go`]
  }
}

async function check(session: Session, options: VerifyOptions): Promise<void> {
  const report = await (options.dir === undefined
    ? askReport(session, options)
    : readReport(options, options.dir))
  if (report.broken !== null) session.exitCode = brokenExit
  answer(session, options.json, report, () => describeReport(report))
}

const askReport = (session: Session, options: VerifyOptions): Promise<LogReport> =>
  withClient(session, options, client =>
    client.call({ method: 'GET', path: '/v1/audit/verify', timeoutMs: options.timeoutMs }),
  ) as Promise<LogReport>

async function readReport({ checkpoints = [], peer }: VerifyOptions, dir: string): Promise<LogReport> {
  const { verifyDirectory } = await import('../../audit/verify-directory.ts')
  return verifyDirectory(dir, checkpoints, peer ?? null)
}

function describeReport(report: LogReport): string {
  const { broken, peer, firstSeq, lastSeq, signedTo, heldMatched, tornBytes, lost } = report
  const lines = broken === null ? ['the log is whole'] : [`BROKEN at entry ${broken.seq}: ${broken.detail}`]
  lines.push(
    `peer ${peer ?? 'unknown'}, entries ${firstSeq} to ${lastSeq} are whole, signed up to ${signedTo}`,
  )
  if (heldMatched > 0) lines.push(`${heldMatched} checkpoints that other peers hold fit`)
  if (tornBytes > 0) lines.push(`${tornBytes} bytes of an unfinished entry at the end: a crash`)
  if (lost > 0) lines.push(`${lost} decisions could not be recorded, says the log itself`)
  return lines.join('\n')
}

async function exportAll(session: Session, options: ExportOptions & JsonOption): Promise<void> {
  await withClient(session, options, async client => {
    const [url] = client.urls as [string]
    const { timeoutMs, after } = options
    try {
      const call = { method: 'GET', path: '/v1/audit/export', query: { after }, timeoutMs } as const
      const { request, response } = client.open(url, call, 0)
      request.end()
      const answered = await response
      if (answered.statusCode !== 200) await readAnswer(answered, url)
      answered.setEncoding('utf8')
      for await (const text of answered) session.out(String(text))
    } catch (thrown) {
      throw client.describe(thrown, url, 'GET')
    }
  })
}

function isoTime(text: string): string {
  const ms = Date.parse(text)
  if (Number.isNaN(ms)) throw new InvalidArgumentError('It is a time such as 2026-11-01T00:00:00Z.')
  return new Date(ms).toISOString()
}
