import type { ProcessSettings } from './config.ts'
import { checkExposure } from './http/exposure.ts'
import type { DoorOptions } from './http/server.ts'
import { readTokenOf } from './peer-settings.ts'
import type { ReadinessCheck } from './status.ts'
import { readTls } from './tls-files.ts'

/**
 * How the process in a directory opens its door: looked at before anything else of it is started.
 *
 * @throws SlurpError CONFIG_INVALID, DATA_MISSING.
 */
export function doorSettings(
  dir: string,
  settings: ProcessSettings,
): Pick<DoorOptions, 'host' | 'preferredPort' | 'tls' | 'httpPlain' | 'token' | 'limits'> {
  const token = readTokenOf(dir)
  const { httpHost: host, httpPort: preferredPort, httpPlain } = settings
  const tls = readTls(settings)
  checkExposure(host, { tls, httpPlain })
  return { host, preferredPort, tls, httpPlain, token, limits: settings }
}

/** What is not as it should be, a sentence each. */
export const failedReasons = (checks: readonly ReadinessCheck[]): string[] =>
  checks.filter(({ ok }) => !ok).map(({ name, detail }) => `${name}: ${detail}`)
