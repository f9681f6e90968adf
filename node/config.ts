import { z } from 'zod'
import { SlurpError } from '../base/errors.ts'
import { indexSettings } from './index-settings.ts'

const port = z.coerce.number().int().min(0).max(65_535)
const count = (min: number, max: number) => z.coerce.number().int().min(min).max(max)
const list = z.union([
  z.array(z.string()),
  z.string().transform(text => text.split(',').filter(part => part !== '')),
])

/**
 * Settings of one peer process: the one description that the parser, the defaults, the flags of `slurp up`
 * and `slurp help config` come from. What the whole fleet agrees on is in the view instead.
 */
export const processSettings = z.strictObject({
  host: z.string().default('127.0.0.1').describe('Interface that the peer protocol listens on'),
  port: port.default(0).describe('Port of the peer protocol; the next free one if it is taken, 0 for any'),
  httpHost: z.string().default('127.0.0.1').describe('Interface that the HTTP door listens on'),
  httpPort: port.default(0).describe('Port of the HTTP door; the next free one if it is taken, 0 for any'),
  bootstrap: list.default([]).describe('Multiaddresses of peers to look for first, separated by commas'),
  contextBytesMax: count(1024, 1_048_576).default(1_048_576).describe('Largest context in bytes of JSON'),
  requestsInFlightMax: count(1, 100_000)
    .default(8192)
    .describe('HTTP requests carried out at once; more are answered 429'),
  bodyBytesInFlightMax: count(1_048_576, 4_294_967_296)
    .default(268_435_456)
    .describe('Bytes of HTTP bodies held in memory at once; more are answered 429'),
  headersTimeoutMs: count(100, 600_000).default(10_000).describe('Time a client has to send its headers'),
  requestTimeoutMs: count(100, 600_000).default(30_000).describe('Time a client has to send a whole request'),
  batchIdleMs: count(100, 3_600_000)
    .default(300_000)
    .describe('Time a batch request may send nothing before it is ended'),
  auditPolicy: z
    .enum(['closed', 'open', 'off'])
    .default('closed')
    .describe(
      'What cannot be recorded is refused (closed) or let through and counted (open); off: no audit log',
    ),
  auditSync: z
    .enum(['second', 'always'])
    .default('second')
    .describe('Audit entries reach the disk every second, or before each answer'),
  auditBytesMax: count(1_048_576, 1_099_511_627_776)
    .default(1_073_741_824)
    .describe('Bytes of the audit log; when it is full its oldest sixteenth goes'),
  indexes: indexSettings
    .default([])
    .describe('Search indexes beside the main one, as JSON: `slurp help indexes` says what is in it'),
  requestsPerSecondMax: count(1, 1_000_000)
    .default(1000)
    .describe(
      'HTTP requests a second of one grant, or of one address without a token; more are answered 429',
    ),
  connectionsPerAddressMax: count(1, 10_000)
    .default(1024)
    .describe('HTTP connections of one address at once; more are closed'),
  httpTlsCert: z
    .string()
    .default('')
    .describe('File with the certificate of the HTTP door, PEM, with its chain'),
  httpTlsKey: z.string().default('').describe('File with the key of that certificate, PEM'),
  httpPlain: z
    .enum(['loopback', 'anywhere'])
    .default('loopback')
    .describe('Where the HTTP door may speak plain HTTP; anywhere: something in front of it speaks TLS'),
  slowSearchMs: count(0, 600_000)
    .default(500)
    .describe('A search that takes so long gets a line in peer.log, without its words'),
  drainMs: count(0, 60_000).default(8000).describe('Time that running requests get to finish when stopping'),
  logLevel: z
    .enum(['debug', 'info', 'warn', 'error'])
    .default('info')
    .describe('Least weight of a line in peer.log'),
  logBytesMax: count(65_536, 1_073_741_824)
    .default(16_777_216)
    .describe('Size at which peer.log is set aside as peer.log.1'),
})

export type ProcessSettings = z.output<typeof processSettings>
export type SettingName = keyof ProcessSettings

/** One place that settings come from; the first source that names a setting wins. */
export type SettingSource = {
  /** Where it is, for the message: `the command line`, `peer.json`. */
  readonly place: string
  readonly values: Readonly<Record<string, unknown>>
}

/**
 * Puts settings together: flags, then `SLURP_*`, then the file.
 *
 * @throws SlurpError CONFIG_INVALID with the place and the name of the first setting that does not fit.
 */
export function readSettings(sources: readonly SettingSource[]): ProcessSettings {
  const merged: Record<string, unknown> = {}
  const places = new Map<string, string>()
  for (const source of sources) {
    for (const [name, value] of Object.entries(source.values)) {
      if (value === undefined || places.has(name)) continue
      merged[name] = value
      places.set(name, source.place)
    }
  }
  const result = processSettings.safeParse(merged)
  if (result.success) return result.data
  const issue = result.error.issues[0]
  if (issue?.code === 'unrecognized_keys' && issue.path.length === 0) {
    const name = issue.keys[0] ?? ''
    throw new SlurpError('CONFIG_INVALID', `Unknown setting \`${name}\` in ${places.get(name)}.`)
  }
  const [name = '', ...within] = (issue?.path ?? []).map(String)
  const where = within.length === 0 ? '' : ` at ${within.join('.')}`
  throw new SlurpError(
    'CONFIG_INVALID',
    `Setting \`${name}\` in ${places.get(name)} does not fit${where}: ${issue?.message}.`,
  )
}

export const settingNames = Object.keys(processSettings.shape) as SettingName[]

/** `httpPort` is `--http-port` on the command line. */
export const flagOf = (name: SettingName): string =>
  name.replace(/[A-Z]/g, letter => `-${letter.toLowerCase()}`)

/** `httpPort` is `SLURP_HTTP_PORT` in the environment. */
export const variableOf = (name: SettingName): string =>
  `SLURP_${flagOf(name).replaceAll('-', '_').toUpperCase()}`

export const meaningOf = (name: SettingName): string => processSettings.shape[name].description ?? ''

/** Default as text, for help. */
export function defaultOf(name: SettingName): string {
  const value = processSettings.parse({})[name]
  return Array.isArray(value) ? value.join(',') || 'none' : String(value) || 'none'
}

/** The settings that the environment names. */
export function settingsOfEnvironment(environment: NodeJS.ProcessEnv): SettingSource {
  const values: Record<string, unknown> = {}
  for (const name of settingNames) values[name] = environment[variableOf(name)]
  return { place: 'the environment', values }
}
