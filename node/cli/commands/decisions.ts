import type { Command } from 'commander'
import type { DecisionGraph, DecisionNode } from '../../store/catalogue/api.ts'
import {
  contextPath,
  type FleetOptions,
  wholeNumber,
  withClient,
  withExamples,
  withFleet,
} from '../options.ts'
import { answer, type Session, table } from '../session.ts'
import { noteCoverage } from '../show-coverage.ts'

type DecisionsOptions = FleetOptions & { hops?: number; direction?: string; limit?: number; role?: string }

export function addDecisions(command: Command, session: Session): void {
  command
    .description(
      'Walks the decisions around a context: before it, what it follows and supersedes; after it, what follows and ' +
        'supersedes it. `slurp history` shows the decisions of its own versions.',
    )
    .argument('<address>', 'UCXL address')
    .option('--hops <count>', 'How far to walk; default 3', wholeNumber(1, 16))
    .option('--direction <which>', 'both, before or after; default both')
    .option('--limit <count>', 'Most contexts of the answer; default 200', wholeNumber(1, 1000))
    .option('--role <role>', 'Only what this role may read')
  withExamples(withFleet(command), [
    "slurp decisions 'ucxl://any:any@shop:any/*^/docs/retries.md'",
    "slurp decisions 'ucxl://any:any@shop:any/*^/docs/retries.md' --hops 5 --direction after --json",
  ]).action((address: string, options: DecisionsOptions) => decisions(session, address, options))
}

async function decisions(session: Session, address: string, options: DecisionsOptions): Promise<void> {
  const { hops, direction, limit, role, timeoutMs } = options
  const graph = (await withClient(session, options, client =>
    client.call({
      method: 'GET',
      path: `${contextPath(address)}/decisions`,
      query: { hops, direction, limit, role, timeoutMs },
      timeoutMs,
    }),
  )) as DecisionGraph
  answer(session, options.json, graph, () => describe(graph))
  noteCoverage(session, graph.coverage)
}

const titles = {
  self: 'this context',
  before: 'what led here',
  after: 'what came of it',
  both: 'both before and after it',
} as const

function describe({ nodes, links, unclear, truncated }: DecisionGraph): string {
  const lines = Object.entries(titles).flatMap(([direction, title]) => {
    const rows = nodes.filter(node => node.direction === direction).map(rowOf)
    return rows.length === 0 ? [] : [title, table(rows)]
  })
  if (links.length > 0) {
    lines.push('links', table(links.map(({ from, to, relation }) => [`  ${from}`, relation, to])))
  }
  for (const { from, reference } of unclear)
    lines.push(`${from} names what can be no address: ${JSON.stringify(reference)}`)
  if (truncated.includes('hops')) lines.push('there is more further away: --hops')
  if (truncated.includes('limit')) lines.push('there are more than fit: --limit')
  return lines.join('\n')
}

const rowOf = (node: DecisionNode): string[] => [
  `  ${node.hop}`,
  node.address,
  node.version === null ? '(nothing to be read)' : wordsOf(node),
  node.reason ?? node.title ?? '',
]

const wordsOf = ({ standing, status, supersededBy }: DecisionNode): string =>
  standing === 'superseded' && supersededBy.length > 0
    ? `superseded by ${supersededBy.join(', ')}`
    : (status ?? standing ?? '')
