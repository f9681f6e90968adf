import { assert } from '../../base/assert.ts'
import { runSeed, type SimResult } from '../scenario.ts'
import { type CrashPoint, type MoveKind, ScriptedOperator } from './scripted-operator.ts'

/** A point at which a process died, and what became of the world. */
export type Crashed = CrashPoint & {
  readonly kind: MoveKind
  readonly isHit: boolean
  readonly result: SimResult
}

/** No faults but the one crash; callers are busy for as long as the move takes. */
const world = { moves: true, faults: {}, keys: 3, clients: 2, operations: 60, tellsStory: false } as const
/** A seed whose fleet has three replicas and eight partitions, six of which move when a fourth peer joins. */
const seed = 6

/** How many effects on the outside, messages and writes, each process has while a move goes on undisturbed. */
export function countEffects(kind: MoveKind): readonly number[] {
  const { operator, result } = run(kind, null)
  assert(result.violations.length === 0, `undisturbed: ${JSON.stringify(result.violations[0])}`)
  assert(operator.effects !== null, 'the move ends while callers are busy')
  const moved = operator.end?.partitions.filter(({ epoch }) => epoch > 1).length ?? 0
  assert(moved > 0, 'this seed moves partitions')
  return operator.effects
}

/** Every `step`-th point of a move, of all processes in turn. */
export function crashPoints(effects: readonly number[], step: number): CrashPoint[] {
  const all = effects.flatMap((count, member) =>
    Array.from({ length: count }, (_, at): CrashPoint => ({ member, effect: at + 1 })),
  )
  return all.filter((_, at) => at % step === 0)
}

/** Kills one process at one point and lets it come back: every invariant holds, and the move ends (invariant 14). */
export function crashAt(kind: MoveKind, point: CrashPoint): Crashed {
  const { operator, result } = run(kind, point)
  return { ...point, kind, isHit: operator.isHit, result }
}

function run(kind: MoveKind, crash: CrashPoint | null): { operator: ScriptedOperator; result: SimResult } {
  const operators: ScriptedOperator[] = []
  const result = runSeed(seed, {
    ...world,
    peers: kind === 'leave' ? 4 : 3,
    operator: options => {
      const operator = new ScriptedOperator(options, kind, crash)
      operators.push(operator)
      return operator
    },
  })
  return { operator: operators[0]!, result }
}
