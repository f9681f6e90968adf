import type { ContextKey, PeerId } from '../../base/ids.ts'
import { learning, viewOf, writeOf } from './move.ts'
import type { Setting } from './play.ts'
import { PureWorld } from './pure-world.ts'

const keys = ['ab'.repeat(32), 'cd'.repeat(32)] as [ContextKey, ContextKey]
const firsts = keys.map(key => writeOf(key, 1, null))

/** Two keys, one partition, one move that was just agreed on; the first owner's clock is four seconds ahead. */
function settingOf(name: string, names: readonly PeerId[], owners: PeerId[], nextOwners: PeerId[]): Setting {
  const leader = names[0]!
  const lastOwner = owners.at(-1)!
  return {
    name,
    leader,
    asks: [
      { at: leader, operation: writeOf(keys[0], 10, firsts[0]!.id) },
      { at: lastOwner, operation: writeOf(keys[0], 20, firsts[0]!.id) },
      { at: nextOwners.at(-1)!, operation: writeOf(keys[1], 30, firsts[1]!.id, 'tombstone') },
    ],
    open() {
      const world = new PureWorld(names, viewOf(names, owners))
      for (const first of firsts) world.request(leader, first)
      for (let timers = 0; world.open > 0 && timers < 10; timers++) {
        world.run()
        if (world.open > 0) world.fire()
      }
      world.at(leader).nowMs += 4_000
      world.agree(learning(world.view, nextOwners), names)
      return world
    },
  }
}

const [a, b, c, d] = ['a', 'b', 'c', 'd'] as [PeerId, PeerId, PeerId, PeerId]

/** The smallest moves in which the majorities before and after are different ones. */
export const settings: readonly Setting[] = [
  settingOf('a to b c', [a, b, c], [a], [b, c]),
  settingOf('a b to b c', [a, b, c], [a, b], [b, c]),
  settingOf('a b c to b c d', [a, b, c, d], [a, b, c], [b, c, d]),
]
