import type { Order } from './apart.ts'
import { minimise } from './minimise.ts'

/** Main of a process that minimises one seed. Who started it decides what an interrupt means. */
process.on('SIGINT', () => undefined)
process.on('message', ({ seed, options, bounds }: Order) => {
  // When nobody is left to be told, this process ends.
  process.send!(minimise(seed, options, bounds), undefined, undefined, () => undefined)
})
