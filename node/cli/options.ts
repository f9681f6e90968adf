import { type Command, InvalidArgumentError } from 'commander'
import { weightMax, weightStep } from '../../dht/check-view.ts'
import { FleetClient } from './client.ts'
import type { Session } from './session.ts'
import { findTarget, type TargetOptions } from './target.ts'

/** What is said of a peer that comes in. */
export type NewPeerOptions = {
  dir: string
  name?: string
  zone?: string
  weight?: number
  blind?: boolean
  passphrase?: boolean
  start: boolean
  dryRun?: boolean
}

export type JsonOption = { json?: boolean }
export type FleetOptions = TargetOptions & JsonOption & { timeoutMs?: number }

export const withJson = (command: Command): Command => command.option('--json', 'Print one JSON object')

/** Options of every command that talks to a fleet. */
export const withFleet = (command: Command): Command =>
  withJson(command)
    .option('--url <url>', 'Door of the peer; else SLURP_URL, else the last `demo` or `up`')
    .option('--token-file <file>', 'File with its token; else SLURP_TOKEN_FILE')
    .option('--timeout-ms <ms>', 'Milliseconds until the peer gives up', wholeNumber(1, 120_000))

export const withExamples = (command: Command, examples: readonly string[]): Command =>
  command.addHelpText('after', `\nExamples:\n${examples.map(example => `  $ ${example}`).join('\n')}`)

/** Runs `use` with a client of the fleet that the options name, and closes it. */
export async function withClient<T>(
  session: Session,
  options: FleetOptions,
  use: (client: FleetClient) => Promise<T>,
): Promise<T> {
  const client = new FleetClient(findTarget(session, options))
  try {
    return await use(client)
  } finally {
    client.close()
  }
}

/** Parser of an option that takes a whole number. */
export const wholeNumber = (min: number, max: number) => (text: string) => {
  const value = Number(text)
  if (!/^\d+$/.test(text) || value < min || value > max) {
    throw new InvalidArgumentError(`It is a whole number from ${min} to ${max}.`)
  }
  return value
}

/** Parser of the weight of a peer. */
export function weightOf(text: string): number {
  const weight = Number(text)
  if (/^\d+(\.\d+)?$/.test(text) && weight >= weightStep && weight <= weightMax) return weight
  throw new InvalidArgumentError(`It is a number from ${weightStep} to ${weightMax}.`)
}

/** Parser of an option that takes names separated by commas; given again, it adds. */
export const names = (text: string, before: readonly string[] = []): string[] => [
  ...before,
  ...text.split(',').filter(name => name !== ''),
]

export const contextPath = (address: string): string => `/v1/contexts/${encodeURIComponent(address)}`
