import { after, before, describe, test } from 'node:test'
import type { RunningContextStore } from '../../node/store/context-store.ts'
import type { SubmitterBench } from '../contracts/submitter.ts'
import { openRegisterBench, PatientClock } from './register-submitter.ts'
import { storeOn } from './stores.ts'
import { openWorldBench } from './world-bench.ts'

/** Two processes of one fleet, both holding the roles admin and developer. */
export type TwoStores = {
  readonly bench: SubmitterBench
  readonly store: RunningContextStore
  readonly other: RunningContextStore
  /** Lets the fleet's time pass. */
  pass(ms: number): Promise<void>
  /** What the other process reads at an address. */
  titleAt(address: string): Promise<string | undefined>
}

type Opened = { readonly bench: SubmitterBench; pass(ms: number): Promise<void> }
export type Check = (name: string, body: (stores: TwoStores) => Promise<void>) => void

async function onRegisters(): Promise<Opened> {
  const clock = new PatientClock()
  const bench = await openRegisterBench(2, clock)
  // Time has to pass by itself too, for pauses between tries.
  const ticking = setInterval(() => clock.pass(1), 1)
  return {
    bench: { ...bench, close: async () => clearInterval(ticking) },
    pass: async ms => clock.pass(ms),
  }
}

async function onDrivers(): Promise<Opened> {
  const bench = await openWorldBench(4)
  const { clock } = bench.processes[0]!
  return { bench, pass: ms => new Promise(resolve => void clock.at(clock.monotonicMs() + ms, resolve)) }
}

/** Runs the same checks on registers in memory and on a fleet of production drivers over virtual ports. */
export function onBothFleets(what: string, checks: (check: Check) => void): void {
  for (const [name, open] of [
    ['registers', onRegisters],
    ['drivers', onDrivers],
  ] as const) {
    describe(`${what}, on ${name}`, () => {
      let stores: TwoStores
      before(async () => {
        const { bench, pass } = await open()
        const [first, second] = bench.processes
        const other = storeOn(bench, second!)
        const titleAt = async (address: string) => (await other.retrieveContext(address)).context.title
        stores = { bench, pass, store: storeOn(bench, first!), other, titleAt }
      })
      after(() => stores.bench.close())
      checks((title, body) => void test(title, () => body(stores)))
    })
  }
}
