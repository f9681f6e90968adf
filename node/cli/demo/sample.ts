import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { formatAddress } from '../../store/address.ts'
import { defaultAddressTemplate, newAddressTemplate } from '../../store/address-template.ts'
import { importLines } from '../batch/import.ts'
import { openSource } from '../batch/source.ts'
import { FleetClient } from '../client.ts'
import type { Session } from '../session.ts'
import type { Target } from '../target.ts'
import type { Reporter } from './reporter.ts'

const concurrency = 64
/** Samples that could not be stored and are told of by name; of the others their number. */
const toldMax = 3

/** Address of the first sample, to try `get` with; null when there is none. */
export function sampleAddress(sampleFile: string): string | null {
  if (!existsSync(sampleFile)) return null
  const record: unknown = JSON.parse(readFileSync(sampleFile, 'utf8').split('\n', 1)[0] ?? '')
  const { expand } = newAddressTemplate(defaultAddressTemplate)
  return formatAddress(expand(record as Record<string, unknown>))
}

/** Stores the contexts that ship with SLURP, which are about SLURP itself. */
export async function importSample(session: Session, target: Target, reporter: Reporter): Promise<void> {
  const { sampleFile } = session.wiring
  if (!existsSync(sampleFile)) {
    reporter.step('sampleMissing', 'no samples are here to store; the fleet is empty', { stored: 0 })
    return
  }
  const source = openSource(sampleFile, null)
  const scratch = mkdtempSync(join(tmpdir(), 'slurp-sample-'))
  const client = new FleetClient(target)
  let failures = 0
  try {
    const done = await importLines(session, client, {
      source,
      lines: source.lines,
      settings: { address: undefined, roles: undefined },
      failuresPath: join(scratch, 'failed.ndjson'),
      concurrency,
      timeoutMs: undefined,
      onFailed: ({ line, error }) => {
        failures += 1
        if (failures <= toldMax)
          reporter.event('sampleFailed', `sample ${line}: ${error.message}`, { line, error })
      },
      interrupted: new AbortController().signal,
    })
    const rate = Math.round(done.stored / Math.max(done.seconds, 0.001))
    const failed = done.failed > 0 ? `, ${done.failed} failed` : ''
    const text = `stored ${done.stored} sample contexts, each sealed to its roles (${rate} a second)${failed}`
    reporter.step('sampleStored', text, { stored: done.stored, failed: done.failed })
  } finally {
    client.close()
    rmSync(scratch, { recursive: true, force: true })
  }
}
