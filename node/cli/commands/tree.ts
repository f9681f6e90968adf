import type { Command } from 'commander'
import type { ContextTree, TreeNode } from '../../store/catalogue/api.ts'
import { wholeNumber, withExamples } from '../options.ts'
import { answer, type Session, table } from '../session.ts'
import { noteCoverage } from '../show-coverage.ts'
import { askPrefix, type PrefixOptions, withPrefix } from './ls.ts'

type TreeOptions = PrefixOptions & { depth?: number }

export function addTree(command: Command, session: Session): void {
  command.description(
    'Counts contexts by path: each line says how many lie at the path and below it. Exit code 3 says that other peers have ' +
      'more.',
  )
  withPrefix(command).option('--depth <levels>', 'Levels below the prefix; default 2', wholeNumber(0, 64))
  withExamples(command, [
    'slurp tree',
    'slurp tree shop/src --depth 4',
    "slurp tree 'ucxl://any:any@shop:task-7/*^/' --json",
  ]).action((prefix: string | undefined, options: TreeOptions) => tree(session, prefix, options))
}

async function tree(session: Session, prefix: string | undefined, options: TreeOptions): Promise<void> {
  const found = (await askPrefix(session, '/v1/tree', prefix, options)) as ContextTree
  answer(session, options.json, found, () => describe(found))
  noteCoverage(session, found.coverage)
}

function describe({ nodes, total, cursor }: ContextTree): string {
  const top = Math.min(...nodes.map(({ depth }) => depth))
  const rows = nodes.map(node => [
    `${'  '.repeat(node.depth - top)}${nameOf(node, node.depth === top)}`,
    String(node.contexts),
  ])
  const lines = [...(rows.length === 0 ? [] : [table(rows)]), total === 1 ? '1 context' : `${total} contexts`]
  return cursor === null ? lines.join('\n') : [...lines, `more: --cursor ${cursor}`].join('\n')
}

/** The uppermost with where it lies, those below by their last segment. */
function nameOf({ project, path }: TreeNode, isTop: boolean): string {
  if (path === '') return project
  return isTop ? `${project}/${path}` : path.slice(path.lastIndexOf('/') + 1)
}
