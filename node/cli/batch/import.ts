import { accessSync, constants } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import type { SlurpError } from '../../../base/errors.ts'
import type { NumberedLine } from '../../store/ndjson.ts'
import type { FleetClient } from '../client.ts'
import type { Session } from '../session.ts'
import { type BatchSettings, FailuresFile } from './failures-file.ts'
import type { FailedLine } from './feed.ts'
import { Progress } from './progress.ts'
import { sendBatch } from './send.ts'
import type { Source } from './source.ts'

export type ImportPlan = {
  readonly source: Source
  /** The lines of `source`, or what a failures file made of them. */
  readonly lines: AsyncGenerator<NumberedLine>
  readonly settings: BatchSettings
  readonly failuresPath: string
  readonly concurrency: number
  readonly timeoutMs: number | undefined
  readonly onFailed: (failed: FailedLine) => void
  readonly interrupted: AbortSignal
}

export type ImportSummary = {
  readonly stored: number
  readonly failed: number
  readonly seconds: number
  /** Where the failed lines are, null when there are none. */
  readonly failures: string | null
  /** First line that was not sent, null when all were. */
  readonly stoppedAt: number | null
  readonly why: SlurpError | null
}

/** Sends lines to the fleet with a progress bar, and keeps those that failed in a file. */
export async function importLines(
  session: Session,
  client: FleetClient,
  plan: ImportPlan,
): Promise<ImportSummary> {
  const progress = new Progress(session)
  const failures = new FailuresFile(plan.failuresPath, plan.settings)
  const counts = { stored: 0, failed: 0 }
  const draw = () =>
    progress.draw({ ...counts, bytesRead: plan.source.bytesRead(), bytesTotal: plan.source.bytesTotal })
  const { stoppedAt, why } = await sendBatch(client, plan.lines, {
    ...plan.settings,
    concurrency: plan.concurrency,
    timeoutMs: plan.timeoutMs,
    interrupted: plan.interrupted,
    onStored: () => {
      counts.stored += 1
      draw()
    },
    onFailed: async failed => {
      counts.failed += 1
      progress.clear()
      plan.onFailed(failed)
      await failures.add(failed)
    },
  })
  progress.clear()
  const kept = await failures.finish()
  return { ...counts, seconds: progress.seconds, failures: kept, stoppedAt, why }
}

/** `FILE.failed.ndjson` beside FILE, or in the working directory when that cannot be written. */
export function failuresPathFor(file: string): string {
  if (file === '-') return 'stdin.failed.ndjson'
  const dir = dirname(file)
  const name = `${basename(file).replace(/(\.(ndjson|jsonl|json))?(\.gz)?$/i, '')}.failed.ndjson`
  return canWrite(dir) ? join(dir, name) : name
}

function canWrite(dir: string): boolean {
  try {
    accessSync(dir, constants.W_OK)
    return true
  } catch {
    return false
  }
}
