import { formatAddress } from '../../store/address.ts'
import type { AddressTemplate } from '../../store/address-template.ts'
import { recordToContext } from '../../store/import-record.ts'
import { parseLine } from '../../store/ndjson.ts'

/** The address that a door will give a line. @throws SlurpError JSON_INVALID, CONTEXT_INVALID, ADDRESS_INVALID */
export const addressOfLine = (text: string, template: AddressTemplate): string =>
  formatAddress(template.expand(recordToContext(parseLine(text)).context))
