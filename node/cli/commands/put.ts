import type { Command } from 'commander'
import { SlurpError } from '../../../base/errors.ts'
import type { PeerStatus } from '../../status.ts'
import type { StoredContext } from '../../store/api.ts'
import { readContext } from '../context-input.ts'
import {
  contextPath,
  type FleetOptions,
  names,
  wholeNumber,
  withClient,
  withExamples,
  withFleet,
} from '../options.ts'
import { answer, type Session } from '../session.ts'
import { roleNames } from '../show-context.ts'

type PutOptions = FleetOptions & {
  file?: string
  field?: string[]
  roles?: string[]
  ifVersion?: string
  ttl?: number
  dryRun?: boolean
}

const again = (text: string, before: readonly string[] = []): string[] => [...before, text]

export function addPut(command: Command, session: Session): void {
  command
    .description(
      'Stores a context: a JSON object from --file or standard input, single fields from --field. ' +
        '`slurp help context` lists the fields.',
    )
    .argument('<address>', 'UCXL address')
    .option('--file <file>', 'JSON file; - for standard input')
    .option('--field <name=value>', 'One field; := takes JSON; may be given again', again)
    .option('--roles <roles>', 'Roles that may read it, separated by commas', names)
    .option('--if-version <version>', 'Only if this is the current version; none: only if nothing is there')
    .option('--ttl <seconds>', 'Seconds until it expires', wholeNumber(1, 315_360_000))
    .option('--dry-run', 'Check it and say what would be stored, change nothing')
  withExamples(withFleet(command), [
    "slurp put 'ucxl://any:any@notes:any/*^/first' --field summary='My first context' --field tags=notes,first",
    "slurp put 'ucxl://any:any@notes:any/*^/first' --file context.json --roles architect,developer",
    "jq -n '{summary: \"from a pipe\"}' | slurp put 'ucxl://any:any@notes:any/*^/piped' --if-version none",
  ]).action((address: string, options: PutOptions) => put(session, address, options))
}

async function put(session: Session, address: string, options: PutOptions): Promise<void> {
  const context = await readContext({ file: options.file, fields: options.field ?? [], input: session.input })
  if (options.dryRun) return rehearse(session, address, context, options)
  const { timeoutMs } = options
  const stored = (await withClient(session, options, client =>
    client.call({
      method: 'PUT',
      path: contextPath(address),
      query: { roles: options.roles?.join(','), ifVersion: options.ifVersion, ttl: options.ttl, timeoutMs },
      body: context,
      timeoutMs,
    }),
  )) as StoredContext
  answer(session, options.json, stored, () =>
    [
      `stored ${stored.address}`,
      `  version  ${stored.version}${stored.parent === null ? '' : ` after ${stored.parent}`}`,
      `  on       ${stored.acks} of ${stored.replicas} replicas so far`,
      `  readers  ${roleNames(stored.roles)}`,
    ].join('\n'),
  )
}

/** Checks what can be checked without writing: address, fields, roles. */
async function rehearse(
  session: Session,
  address: string,
  context: object,
  options: PutOptions,
): Promise<void> {
  const { parseAddress, formatAddress } = await import('../../store/address.ts')
  const { parseContext } = await import('../../store/schema.ts')
  const canonical = formatAddress(parseAddress(address))
  const fields = Object.keys(parseContext(context))
  const status = (await withClient(session, options, client =>
    client.call({ method: 'GET', path: '/v1/status', timeoutMs: options.timeoutMs }),
  )) as PeerStatus
  const known = status.roles.map(role => role.name)
  const unknown = options.roles?.find(role => !known.includes(role))
  if (unknown !== undefined)
    throw new SlurpError('ROLE_UNKNOWN', `This fleet has no role ${JSON.stringify(unknown)}.`)
  const roles = options.roles ?? status.roles.filter(role => role.held).map(role => role.name)
  const plan = { dryRun: true, address: canonical, fields, roles }
  answer(
    session,
    options.json,
    plan,
    () => `would store ${canonical} (${fields.join(', ')}) for ${roles.join(', ')}`,
  )
}
