import type { StaleContext } from './api.ts'
import { addressOf, type Entry } from './entry.ts'
import type { Sight, Snapshot } from './snapshot.ts'

/**
 * Which of what an entry follows holds no more. Empty for an entry that holds no more itself, and what it supersedes is no
 * reproach: that is how a successor names what it grew from.
 */
export function staleLinks(snapshot: Snapshot, entry: Entry, sees: Sight): StaleContext['follows'] {
  const follows = entry.links.filter(({ relation }) => relation === 'follows')
  if (follows.length === 0) return []
  if (snapshot.standingOf(entry.place, entry.status, sees).standing !== 'stands') return []
  const replaced = new Set(
    entry.links.flatMap(({ relation, place }) => (relation === 'supersedes' ? [place] : [])),
  )
  return follows.flatMap(({ place }) => {
    const target = snapshot.at(place)
    if (replaced.has(place) || target === null || !sees(target)) return []
    const { standing, by } = snapshot.standingOf(place, target.status, sees)
    if (standing === 'stands') return []
    return [{ address: addressOf(target), standing, status: target.status, supersededBy: by.map(addressOf) }]
  })
}
