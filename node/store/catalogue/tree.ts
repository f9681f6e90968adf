import { encodePart } from '../address-text.ts'
import type { TreeNode } from './api.ts'
import { below, type Entry } from './entry.ts'

/** A node with its place in the order of the list. */
export type OrderedNode = TreeNode & { readonly order: string }

/**
 * Counts entries by path, down to `depth` levels below the first `trunk` segments (project, then path).
 *
 * @param entries - in the order of the list.
 * @returns each node above those below it.
 */
export function treeOf(entries: Iterable<Entry>, trunk: number, depth: number): OrderedNode[] {
  const nodes = new Map<string, { segments: readonly string[]; here: number; contexts: number }>()
  for (const { address } of entries) {
    const segments = [address.project, ...address.path]
    const deepest = Math.min(segments.length, trunk + depth)
    for (let length = Math.max(1, trunk); length <= deepest; length++) {
      const order = segments.slice(0, length).join(below)
      const node = nodes.get(order) ?? { segments: segments.slice(0, length), here: 0, contexts: 0 }
      node.contexts += 1
      if (length === segments.length) node.here += 1
      nodes.set(order, node)
    }
  }
  return [...nodes].map(([order, { segments, here, contexts }]) => ({
    order,
    project: segments[0]!,
    path: segments.slice(1).map(encodePart).join('/'),
    depth: segments.length - trunk,
    here,
    contexts,
  }))
}
