import { SlurpError } from '../../base/errors.ts'
import { type Address, parseAddress } from './address.ts'
import { encodePart } from './address-text.ts'

/** Where batch import puts a record unless told otherwise. */
export const defaultAddressTemplate = 'ucxl://any:any@{project}:any/*^/{path}'

/** Makes the address of one record. */
export type AddressTemplate = {
  readonly text: string
  /** @throws SlurpError ADDRESS_INVALID when a field is missing or its value does not fit. */
  expand(record: Readonly<Record<string, unknown>>): Address
}

const placeholder = /\{([A-Za-z][A-Za-z0-9_]{0,63})\}/g

/**
 * Compiles an address with `{field}` for top-level fields of a record, texts or whole numbers. Values are
 * percent-encoded; in the path a value may hold `/` and gives several segments, in a name it may not.
 *
 * @throws SlurpError USAGE when the template cannot give an address whatever the fields hold.
 */
export function newAddressTemplate(text: string): AddressTemplate {
  const pathStart = startOfPath(text)
  try {
    parseAddress(text.replace(placeholder, 'x'))
  } catch (cause) {
    const why = cause instanceof SlurpError ? ` ${cause.message}` : ''
    throw new SlurpError('USAGE', `The address template is not an address with {field} in it.${why}`, {
      hint: `Write it like ${defaultAddressTemplate}.`,
      cause,
    })
  }
  return {
    text,
    expand: record =>
      parseAddress(
        text.replace(placeholder, (_whole, field: string, offset: number) =>
          encodeValue(record, field, offset >= pathStart),
        ),
      ),
  }
}

/** Index of the first character behind `ucxl://names/`. */
function startOfPath(text: string): number {
  const slash = text.indexOf('/', 'ucxl://'.length)
  return slash < 0 ? text.length : slash + 1
}

function encodeValue(record: Readonly<Record<string, unknown>>, field: string, inPath: boolean): string {
  const value = Object.hasOwn(record, field) ? record[field] : undefined
  const text = Number.isSafeInteger(value) ? String(value) : value
  if (typeof text !== 'string' || text === '')
    throw new SlurpError(
      'ADDRESS_INVALID',
      `The address needs the field "${field}" as a text that is not empty.`,
    )
  if (!text.isWellFormed())
    throw new SlurpError(
      'ADDRESS_INVALID',
      `The field "${field}", part of the address, is not valid Unicode.`,
    )
  return inPath ? text.split('/').map(encodePart).join('/') : encodePart(text)
}
