import { assert } from '../../base/assert.ts'
import { type Budget, type Choice, Play, type Setting } from './play.ts'

export type Explored = {
  readonly setting: string
  /** Schedules that were carried through to their end. */
  readonly schedules: number
  /** Schedules that came to a state which was seen before, with at least as much to spend. */
  readonly cut: number
  readonly states: number
  /** Choices on the longest schedule. */
  readonly deepest: number
  /** False: `schedulesMax` ended it. */
  readonly isComplete: boolean
  /** The first thing that went wrong, and the choices that led to it; null when nothing did. */
  readonly wrong: { readonly what: string; readonly path: readonly string[] } | null
}

/** Choices from the start, by their number in each state. */
type Path = { readonly before: Path | null; readonly choice: number; readonly left: Budget }

/**
 * Carries out every schedule of a setting that deviates from the usual one at most so often, depth first, each from the
 * start. A state is what each peer went through, in its order, and what is under way: two schedules that only swap what
 * happens at different peers meet in one state, and the second goes no further.
 */
export function explore(setting: Setting, budget: Budget, schedulesMax = Number.POSITIVE_INFINITY): Explored {
  const seen = new Map<string, number>()
  const open: (Path | null)[] = [null]
  let schedules = 0
  let cut = 0
  let deepest = 0
  let wrong: Explored['wrong'] = null
  while (open.length > 0 && wrong === null && schedules + cut < schedulesMax) {
    const start = open.pop() ?? null
    const play = new Play(setting)
    const names: string[] = []
    for (const number of choicesOf(start)) take(play.choices()[number]!, names)
    let path = start
    let left = start?.left ?? budget
    for (;;) {
      if (play.complaint !== null) break
      const print = `${play.print()} ${left.early} ${left.losses} ${left.crashes}`
      if ((seen.get(print) ?? -1) >= left.deviations) {
        cut += 1
        break
      }
      seen.set(print, left.deviations)
      const choices = play.choices()
      if (choices.length === 0) {
        schedules += 1
        break
      }
      for (const [number, choice] of choices.entries()) {
        const after = spend(left, choice)
        if (number > 0 && after !== null) open.push({ before: path, choice: number, left: after })
      }
      const usual = choices[0]!
      left = spend(left, usual)!
      path = { before: path, choice: 0, left }
      take(usual, names)
    }
    deepest = Math.max(deepest, names.length)
    const what = play.complaint ?? (play.choices().length === 0 ? play.finish() : null)
    if (what !== null) wrong = { what, path: names }
  }
  const isComplete = open.length === 0
  return { setting: setting.name, schedules, cut, states: seen.size, deepest, isComplete, wrong }
}

function take(choice: Choice, names: string[]): void {
  assert(choice !== undefined, 'a schedule runs the same way each time')
  names.push(choice.name)
  choice.run()
}

function choicesOf(path: Path | null): number[] {
  const choices: number[] = []
  for (let at = path; at !== null; at = at.before) choices.push(at.choice)
  return choices.reverse()
}

function spend(left: Budget, { costs }: Choice): Budget | null {
  const after = {
    deviations: left.deviations - (costs.deviations ?? 0),
    early: left.early - (costs.early ?? 0),
    losses: left.losses - (costs.losses ?? 0),
    crashes: left.crashes - (costs.crashes ?? 0),
  }
  return Object.values(after).some(each => each < 0) ? null : after
}
