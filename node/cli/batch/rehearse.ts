import { asSlurpError } from '../../../base/errors.ts'
import {
  type AddressTemplate,
  defaultAddressTemplate,
  newAddressTemplate,
} from '../../store/address-template.ts'
import type { NumberedLine } from '../../store/ndjson.ts'
import { answer, type Session } from '../session.ts'
import type { BatchSettings } from './failures-file.ts'
import { addressOfLine } from './line-address.ts'

const partialExit = 3

/** Checks lines without storing any: whether each is JSON with an address. Roles and sizes are for the fleet. */
export async function rehearseImport(
  session: Session,
  json: boolean | undefined,
  lines: AsyncGenerator<NumberedLine>,
  settings: BatchSettings,
): Promise<void> {
  const template = newAddressTemplate(settings.address ?? defaultAddressTemplate)
  const addresses = new Set<string>()
  let fine = 0
  let failed = 0
  for await (const numbered of lines) {
    try {
      addresses.add(addressOf(numbered, template))
      fine += 1
    } catch (thrown) {
      failed += 1
      const { error } = asSlurpError(thrown).toBody()
      if (json) session.out(`${JSON.stringify({ type: 'item', line: numbered.line, error })}\n`)
      else session.err(`line ${numbered.line}: ${error.message} (${error.code})\n`)
    }
  }
  const result = {
    type: 'summary',
    dryRun: true,
    stored: 0,
    wouldStore: fine,
    addresses: addresses.size,
    failed,
  }
  answer(
    session,
    json,
    result,
    () => `would store ${fine} lines at ${addresses.size} addresses; ${failed} would fail`,
  )
  if (failed > 0) session.exitCode = partialExit
}

function addressOf(numbered: NumberedLine, template: AddressTemplate): string {
  if ('failure' in numbered) throw numbered.failure
  return addressOfLine(numbered.text, template)
}
