import { readFileSync } from 'node:fs'
import { createSecureContext } from 'node:tls'
import { SlurpError } from '../base/errors.ts'
import type { ProcessSettings } from './config.ts'
import type { TlsFiles } from './http/exposure.ts'

/**
 * The certificate of the HTTP door and its key.
 *
 * @returns null when none is named.
 * @throws SlurpError CONFIG_INVALID when one is named without the other, cannot be read, or does not fit the other.
 */
export function readTls({
  httpTlsCert,
  httpTlsKey,
}: Pick<ProcessSettings, 'httpTlsCert' | 'httpTlsKey'>): TlsFiles | null {
  if (httpTlsCert === '' && httpTlsKey === '') return null
  if (httpTlsCert === '' || httpTlsKey === '')
    throw new SlurpError('CONFIG_INVALID', 'Of `httpTlsCert` and `httpTlsKey` only one is set.')
  try {
    const files = { cert: readFileSync(httpTlsCert), key: readFileSync(httpTlsKey) }
    createSecureContext(files)
    return files
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown failure'
    throw new SlurpError('CONFIG_INVALID', `The certificate of the HTTP door cannot be used (${code}).`, {
      hint: 'Give --http-tls-cert and --http-tls-key the PEM files of one certificate; the key may have no passphrase.',
      cause,
    })
  }
}
