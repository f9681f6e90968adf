import { explore } from './explore.ts'
import { settings } from './settings.ts'

/** Every schedule with one thing out of the usual, of every small move. Returns null when the rules hold in all of them. */
export function onceUnusual(): string | null {
  // The largest first: it has the most to go wrong.
  for (const setting of settings.toReversed()) {
    const { wrong } = explore(setting, { deviations: 1, early: 1, losses: 1, crashes: 1 })
    if (wrong !== null) return `${setting.name}: ${wrong.what}`
  }
  return null
}
