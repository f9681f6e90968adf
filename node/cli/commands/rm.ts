import type { Command } from 'commander'
import type { DeletedContext, RetrievedContext } from '../../store/api.ts'
import { contextPath, type FleetOptions, withClient, withExamples, withFleet } from '../options.ts'
import { answer, type Session } from '../session.ts'

type RemoveOptions = FleetOptions & { ifVersion?: string; dryRun?: boolean }

export function addRemove(command: Command, session: Session): void {
  command
    .description('Deletes the context at an address: readers no longer find it, its history stays.')
    .argument('<address>', 'UCXL address')
    .option('--if-version <version>', 'Only if this is the current version')
    .option('--dry-run', 'Say what would be deleted, change nothing')
  withExamples(withFleet(command), [
    "slurp rm 'ucxl://any:any@notes:any/*^/first'",
    "slurp rm 'ucxl://any:any@notes:any/*^/first' --dry-run",
  ]).action((address: string, options: RemoveOptions) => remove(session, address, options))
}

async function remove(session: Session, address: string, options: RemoveOptions): Promise<void> {
  const path = contextPath(address)
  const { timeoutMs } = options
  await withClient(session, options, async client => {
    if (options.dryRun) {
      const found = (await client.call({
        method: 'GET',
        path,
        query: { timeoutMs },
        timeoutMs,
      })) as RetrievedContext
      const plan = { dryRun: true, address: found.address, version: found.version }
      answer(
        session,
        options.json,
        plan,
        () => `would delete ${plan.address}, now at version ${plan.version}`,
      )
      return
    }
    const query = { ifVersion: options.ifVersion, timeoutMs }
    const gone = (await client.call({ method: 'DELETE', path, query, timeoutMs })) as DeletedContext
    answer(session, options.json, gone, () => `deleted ${gone.address} (tombstone ${gone.version})`)
  })
}
