import { SlurpError } from '../../base/errors.ts'
import { holds, refusesOr, type Target } from './target.ts'

const seeds = [Buffer.from('a valid input of thirty-two bytes')]
const kept: unknown[] = []
const has = (input: Uint8Array, letter: string): boolean => Buffer.from(input).includes(letter)

/** Decoders with one fault each, that the fuzzer has to find. Each fails once a letter is gone from its input. */
export const targets: readonly Target[] = [
  {
    name: 'none',
    seeds,
    weight: 1,
    run: input =>
      refusesOr(() => {
        if (!has(input, 'v')) throw new SlurpError('USAGE', 'It is refused as it should be.')
      }),
  },
  {
    name: 'throws',
    seeds,
    weight: 1,
    run: input => refusesOr(() => (has(input, 'v') ? null : (input as unknown as { a: { b: null } }).a.b)),
  },
  {
    name: 'is surprised',
    seeds,
    weight: 1,
    run: input =>
      refusesOr(() => {
        if (!has(input, 'v')) throw new SlurpError('INTERNAL', 'Nobody planned for this.')
      }),
  },
  {
    name: 'has two texts',
    seeds,
    weight: 1,
    run: input => {
      holds(has(input, 'v'), 'it has one text')
      return true
    },
  },
  {
    name: 'hangs',
    seeds,
    weight: 1,
    run: input => {
      while (!has(input, 'v'));
      return true
    },
  },
  {
    name: 'is slow',
    seeds,
    weight: 1,
    run: input => {
      const end = process.threadCpuUsage().user + 1_100_000
      while (!has(input, 'v') && process.threadCpuUsage().user < end);
      return true
    },
  },
  {
    name: 'takes memory',
    seeds,
    weight: 1,
    run: input => {
      // Once is enough to be seen, and so much that what another thread gives back meanwhile does not hide it.
      if (!has(input, 'v') && kept.length === 0) kept.push(Buffer.alloc(768 * 2 ** 20, 1))
      return true
    },
  },
  {
    name: 'takes all of the heap',
    seeds,
    weight: 1,
    run: input => {
      while (!has(input, 'v')) kept.push(Array.from({ length: 100_000 }, (_, i) => ({ i })))
      return true
    },
  },
]
