import type { Runner } from './duty-desk.ts'
import type { Mover } from './mover.ts'
import type { Replacer } from './replacer.ts'

const hourMs = 3_600_000

/** View changes: carries planned moves through their stages until nothing is left to do. */
export const movesRunner = (mover: Mover): Runner => ({
  spec: { name: 'moves', where: 'leader', intervalMs: 250, timeoutMs: hourMs },
  run: (_, ended) => {
    mover.start(() => ended('done'))
    return { stop: () => mover.stop() }
  },
})

/** Takes members that stayed dead out of the fleet. */
export const replaceRunner = (replacer: Replacer): Runner => ({
  spec: { name: 'replace', where: 'leader', intervalMs: 1_000, timeoutMs: 30_000 },
  run: (_, ended) => {
    replacer.look(() => ended('done'))
    return { stop: () => undefined }
  },
})

/** Rewrites the files of the disk without what was deleted, one peer after the other. */
export const compactRunner = (compact: () => Promise<void>): Runner => ({
  spec: { name: 'compact', where: 'staggered', intervalMs: 24 * hourMs, timeoutMs: hourMs },
  run: (_, ended) => {
    compact().then(
      () => ended('done'),
      () => ended('failed'),
    )
    return { stop: () => undefined }
  },
})
