import type { Command } from 'commander'
import type { RetrievedContext } from '../../store/api.ts'
import { contextPath, type FleetOptions, withClient, withExamples, withFleet } from '../options.ts'
import { answer, type Session } from '../session.ts'
import { describeContext } from '../show-context.ts'

type GetOptions = FleetOptions & { role?: string; cached?: boolean }

export function addGet(command: Command, session: Session): void {
  command
    .description(
      'Prints the context at an address. The temporal segment chooses the version: `slurp help address`.',
    )
    .argument('<address>', 'UCXL address')
    .option('--role <role>', 'Open it with this role only')
    .option('--cached', 'Let the peer answer from its memory')
  withExamples(withFleet(command), [
    "slurp get 'ucxl://any:any@notes:any/*^/first'",
    "slurp get 'ucxl://any:any@notes:any/~~2/first' --json | jq .context.summary",
    "slurp get 'ucxl://any:any@notes:any/@2026-01-31T12:00:00Z/first' --role architect",
  ]).action((address: string, options: GetOptions) => get(session, address, options))
}

async function get(session: Session, address: string, options: GetOptions): Promise<void> {
  const found = await withClient(session, options, client =>
    client.call({
      method: 'GET',
      path: contextPath(address),
      query: {
        role: options.role,
        consistency: options.cached ? 'cached' : undefined,
        timeoutMs: options.timeoutMs,
      },
      timeoutMs: options.timeoutMs,
    }),
  )
  answer(session, options.json, found as object, () => describeContext(found as RetrievedContext))
}
