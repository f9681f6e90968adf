import { SlurpError } from '../../../base/errors.ts'
import { formatAddress } from '../../store/address.ts'
import type { AddressTemplate } from '../../store/address-template.ts'
import { recordToContext } from '../../store/import-record.ts'

/** The address that a door will give a line. @throws SlurpError JSON_INVALID, CONTEXT_INVALID, ADDRESS_INVALID */
export function addressOfLine(text: string, template: AddressTemplate): string {
  let record: unknown
  try {
    record = JSON.parse(text)
  } catch (cause) {
    throw new SlurpError('JSON_INVALID', 'The line is not valid JSON.', { cause })
  }
  return formatAddress(template.expand(recordToContext(record).context))
}
