import type { Command } from 'commander'
import type { StaleList } from '../../store/catalogue/api.ts'
import { withExamples } from '../options.ts'
import { answer, type Session } from '../session.ts'
import { noteCoverage } from '../show-coverage.ts'
import { askPrefix, type PrefixOptions, withPrefix } from './ls.ts'

export function addStale(command: Command, session: Session): void {
  command.description(
    'Lists contexts that still follow what was superseded or withdrawn: by its own status, or because another context ' +
      'supersedes it. A context that supersedes what it follows is not listed.',
  )
  withExamples(withPrefix(command), [
    'slurp stale',
    'slurp stale shop/src',
    'slurp stale shop --json',
  ]).action((prefix: string | undefined, options: PrefixOptions) => stale(session, prefix, options))
}

async function stale(session: Session, prefix: string | undefined, options: PrefixOptions): Promise<void> {
  const found = (await askPrefix(session, '/v1/stale', prefix, options)) as StaleList
  answer(session, options.json, found, () => describe(found))
  noteCoverage(session, found.coverage)
}

function describe({ contexts, total, cursor }: StaleList): string {
  const lines = contexts.flatMap(({ address, follows }) => [
    address,
    ...follows.map(({ address: followed, standing, supersededBy }) => {
      const by = supersededBy.length === 0 ? '' : ` by ${supersededBy.join(', ')}`
      return `  follows ${followed}, ${standing}${by}`
    }),
  ])
  lines.push(total === 1 ? '1 context is stale' : `${total} contexts are stale`)
  return cursor === null ? lines.join('\n') : [...lines, `more: --cursor ${cursor}`].join('\n')
}
