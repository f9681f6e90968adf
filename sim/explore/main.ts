import { parseArgs } from 'node:util'
import { type Explored, explore } from './explore.ts'
import type { Budget } from './play.ts'
import { settings } from './settings.ts'

const usage = `Explores every schedule of small moves that is unusual at most so often.
  --depth N      times that anything is not as usual; 1 when absent
  --early N      of these: letters that overtake others, stages and timers that come early,
                 moves that are given up; N of --depth when absent
  --losses N     of these: letters that are lost; N of --depth when absent
  --crashes N    of these: processes that die and come back; N of --depth when absent
  --move N       one move alone, from 1
  --most N       schedules of a move at most
Moves: ${settings.map(({ name }, at) => `${at + 1} ${name}`).join(', ')}. Exit code 1 when an invariant broke.`

function main(): number {
  const option = { type: 'string' } as const
  const { values } = parseArgs({
    options: {
      depth: { ...option, default: '1' },
      early: option,
      losses: option,
      crashes: option,
      move: option,
      most: option,
      help: { type: 'boolean', default: false },
    },
  })
  const { depth, early = depth, losses = depth, crashes = depth, move, most } = values
  const budget: Budget = {
    deviations: Number(depth),
    early: Number(early),
    losses: Number(losses),
    crashes: Number(crashes),
  }
  const chosen = move === undefined ? settings : settings.slice(Number(move) - 1, Number(move))
  const schedulesMax = most === undefined ? Number.POSITIVE_INFINITY : Number(most)
  const isWrong = (count: number) => !Number.isInteger(count) || count < 0
  if (values.help || Object.values(budget).some(isWrong) || !(schedulesMax > 0) || chosen.length === 0) {
    process.stderr.write(`${usage}\n`)
    return values.help ? 0 : 2
  }
  let isBroken = false
  for (const setting of chosen) {
    const explored = explore(setting, budget, schedulesMax)
    process.stdout.write(`${wordsOf(explored)}\n`)
    isBroken ||= explored.wrong !== null
  }
  return isBroken ? 1 : 0
}

function wordsOf({ setting, schedules, cut, states, deepest, isComplete, wrong }: Explored): string {
  const end = wrong !== null ? 'BROKEN' : isComplete ? 'all of them' : 'not all of them'
  const counts = `${schedules} schedules to their end, ${cut} met a known state; ${states} states, ${deepest} steps at most`
  const story = wrong === null ? [] : [...wrong.path.map(step => `    ${step}`), `  ${wrong.what}`]
  return [`${setting}: ${counts}; ${end}`, ...story].join('\n')
}

process.exitCode = main()
