import { writeFileSync } from 'node:fs'

const filterPath = '/proc/self/coredump_filter'

/**
 * Takes the memory of this process out of core dumps, as far as the system lets a process do that for itself: on Linux the
 * kernel then writes none of its pages. Children inherit it.
 *
 * @returns why it could not be done; null when it was.
 */
export function keepMemoryOutOfDumps(): string | null {
  if (process.platform !== 'linux') return 'only Linux lets a process say so for itself'
  try {
    writeFileSync(filterPath, '0')
    return null
  } catch (failure) {
    return failure instanceof Error ? failure.message : 'the system refused it'
  }
}
