import { loadVersion } from '../mixed/other-version.ts'
import { runSeed, type SimOptions } from '../scenario.ts'

/**
 * Main of a process that a pool starts: it is told seeds and answers with what became of each. Who started it decides
 * what an interrupt means. With two arguments, directory and name of another version, fleets are of both.
 */
const [path, name] = process.argv.slice(2)
const options: SimOptions =
  path === undefined || name === undefined ? {} : { mixedWith: await loadVersion({ path, name }) }
process.on('SIGINT', () => undefined)
process.on('message', (seed: number) => {
  // When nobody is left to be told, this process ends.
  process.send!(runSeed(seed, options), undefined, undefined, () => undefined)
})
