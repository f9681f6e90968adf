import type { Command } from 'commander'
import { defaultAddressTemplate, newAddressTemplate } from '../../store/address-template.ts'
import type { NumberedLine } from '../../store/ndjson.ts'
import { readFailures } from '../batch/failures-file.ts'
import type { FailedLine } from '../batch/feed.ts'
import { failuresPathFor, type ImportPlan, type ImportSummary, importLines } from '../batch/import.ts'
import { rehearseImport } from '../batch/rehearse.ts'
import { openSource } from '../batch/source.ts'
import { type FleetOptions, names, wholeNumber, withClient, withExamples, withFleet } from '../options.ts'
import { answer, type Session } from '../session.ts'

type ImportOptions = FleetOptions & {
  address?: string
  roles?: string[]
  concurrency: number
  failures?: string
  fromLine?: number
  dryRun?: boolean
}
type RetryOptions = FleetOptions & { concurrency: number }

const concurrencyByDefault = 64
const concurrencyMax = 256
const partialExit = 3
const interruptedExit = 130
/** A failures file holds lines inside of JSON, which may double them. */
const failureLineBytesMax = 16 * 1024 * 1024

export function addBatch(command: Command, session: Session): void {
  command.description('Stores many contexts, one JSON object a line.')
  const imports = command
    .command('import')
    .summary('Store the lines of a file')
    .description(
      'Stores every line of FILE, gzip or not, - for standard input. Lines that fail are listed and kept in ' +
        'FILE.failed.ndjson for `slurp batch retry`; the exit code is then 3.',
    )
    .argument('<file>', 'NDJSON file')
    .option(
      '--address <template>',
      `Address of a line, with {field} from it (default: ${defaultAddressTemplate})`,
    )
    .option('--roles <roles>', 'Readers of every line, whatever it says itself, separated by commas', names)
    .option('--failures <file>', 'Where to keep lines that fail')
    .option('--from-line <number>', 'Leave out the lines before', wholeNumber(1, Number.MAX_SAFE_INTEGER))
    .option('--dry-run', 'Check every line, change nothing')
  withExamples(withConcurrency(withFleet(imports)), [
    'slurp batch import contexts.ndjson.gz',
    "slurp batch import notes.ndjson --address 'ucxl://{agent}:any@{project}:{task}/*^/{path}' --roles developer",
    'zcat *.gz | slurp batch import - --json',
  ]).action((file: string, options: ImportOptions) => importFile(session, file, options))
  const retry = command
    .command('retry')
    .summary('Try again what failed')
    .description(
      'Sends the lines of a failures file again; it then holds those that still fail, or is removed.',
    )
    .argument('<file>', 'File that `slurp batch import` named')
    .option('--dry-run', 'Check every line, change nothing')
  withExamples(withConcurrency(withFleet(retry)), ['slurp batch retry contexts.failed.ndjson']).action(
    (file: string, options: RetryOptions & { dryRun?: boolean }) => retryFile(session, file, options),
  )
}

const withConcurrency = (command: Command): Command =>
  command.option(
    '--concurrency <count>',
    'Lines in flight',
    wholeNumber(1, concurrencyMax),
    concurrencyByDefault,
  )

async function importFile(session: Session, file: string, options: ImportOptions): Promise<void> {
  if (options.address !== undefined) newAddressTemplate(options.address)
  const source = openSource(file, session.input)
  const lines = from(source.lines, options.fromLine ?? 1)
  const settings = { address: options.address, roles: options.roles }
  if (options.dryRun) return rehearseImport(session, options.json, lines, settings)
  const failuresPath = options.failures ?? failuresPathFor(file)
  await carryOut(session, options, file, { source, lines, settings, failuresPath })
}

async function retryFile(
  session: Session,
  file: string,
  options: RetryOptions & { dryRun?: boolean },
): Promise<void> {
  const source = openSource(file, null, failureLineBytesMax)
  const { settings, lines } = await readFailures(source.lines)
  if (options.dryRun) return rehearseImport(session, options.json, lines, settings)
  const summary = await carryOut(session, options, file, { source, lines, settings, failuresPath: file })
  if (summary.failures !== null || summary.stoppedAt !== null) return
  const { rmSync } = await import('node:fs')
  rmSync(file)
}

type What = Pick<ImportPlan, 'source' | 'lines' | 'settings' | 'failuresPath'>

async function carryOut(
  session: Session,
  options: RetryOptions,
  file: string,
  what: What,
): Promise<ImportSummary> {
  const interruption = new AbortController()
  const interrupt = () => {
    if (interruption.signal.aborted) process.exit(interruptedExit)
    interruption.abort()
  }
  process.on('SIGINT', interrupt)
  try {
    const summary = await withClient(session, options, client =>
      importLines(session, client, {
        ...what,
        concurrency: options.concurrency,
        timeoutMs: options.timeoutMs,
        onFailed: failed => sayFailed(session, options.json, failed),
        interrupted: interruption.signal,
      }),
    )
    conclude(session, options.json, file, summary, interruption.signal.aborted)
    return summary
  } finally {
    process.off('SIGINT', interrupt)
  }
}

function sayFailed(session: Session, json: boolean | undefined, { line, error }: FailedLine): void {
  if (json) session.out(`${JSON.stringify({ type: 'item', line, error })}\n`)
  else session.err(`line ${line}: ${error.message} (${error.code})\n`)
}

function conclude(
  session: Session,
  json: boolean | undefined,
  file: string,
  summary: ImportSummary,
  interrupted: boolean,
): void {
  const { stored, failed, seconds, failures, stoppedAt, why } = summary
  if (why && stored + failed === 0) throw why
  const rate = Math.round(stored / Math.max(seconds, 0.001))
  const result = { type: 'summary', stored, failed, seconds: Number(seconds.toFixed(3)), failures, stoppedAt }
  const body = why ? { ...result, ...why.toBody() } : result
  answer(session, json, body, () =>
    [
      `stored ${stored} in ${seconds.toFixed(1)} s (${rate} a second)${failed > 0 ? `, ${failed} failed` : ''}`,
      ...(failures === null ? [] : [`  try the failed lines again: slurp batch retry ${failures}`]),
      ...(stoppedAt === null
        ? []
        : [
            `  lines from ${stoppedAt} on were not sent: slurp batch import ${file} --from-line ${stoppedAt}`,
          ]),
      ...(why ? [`  ${why.message}`] : []),
    ].join('\n'),
  )
  if (interrupted) session.exitCode = interruptedExit
  else if (why?.code === 'INTEGRITY_FAILED') session.exitCode = why.exitCode
  else if (failed > 0 || stoppedAt !== null) session.exitCode = partialExit
}

async function* from(lines: AsyncGenerator<NumberedLine>, first: number): AsyncGenerator<NumberedLine> {
  for await (const numbered of lines) if (numbered.line >= first) yield numbered
}
