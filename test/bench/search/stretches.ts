import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Frame, Profile } from '../profile.ts'

/** For how long an event loop did nothing but search or index, and came to nobody else's turn, in milliseconds. */
export type Stretch = {
  /** By the clock: waiting for a core and collecting garbage in between are part of it. */
  readonly clockMs: number
  /** What of it the thread worked for search or indexing itself. */
  readonly workMs: number
}

/** What of a main thread is search or indexing: the index and what feeds it, questions to other peers, their door. */
const ofSearch = /^node\/(?:search|fleet-search|peer-search\.ts|http\/search)/
const collector = '(garbage collector)'
/** The bundler says before each module which one it is. */
const moduleLine = /^\/\/ ([\w./@-]+\.[cm]?[jt]s)$/

/**
 * The longest of both, whoever had it: from one sample to the next below a function of search or indexing, until the loop turned. A thread is sampled only
 * while it has a core, so that a sample stands for as much work as the one in the middle of all, however long it waited.
 */
export function longestOfSearch(profiles: readonly Profile[]): Stretch {
  const modules = new Modules()
  const all = profiles.flatMap(profile => stretchesIn(profile, frame => ofSearch.test(modules.of(frame))))
  const most = (of: keyof Stretch) => all.reduce((longest, stretch) => Math.max(longest, stretch[of]), 0)
  return { clockMs: most('clockMs'), workMs: most('workMs') }
}

function stretchesIn(profile: Profile, isOfSearch: (frame: Frame) => boolean): Stretch[] {
  const { samples, timeDeltas, startTime, turns } = profile
  const kindOf = kindsOf(profile, isOfSearch)
  const sampleMs = ([...timeDeltas].sort((a, b) => a - b)[timeDeltas.length >> 1] ?? 0) / 1000
  const found: Stretch[] = []
  let [clockMs, workMs] = [0, 0]
  let [timeUs, turn] = [startTime, 0]
  const end = () => {
    if (clockMs > 0) found.push({ clockMs, workMs })
    clockMs = workMs = 0
  }
  for (const [at, id] of samples.entries()) {
    const kind = kindOf(id)
    timeUs += timeDeltas[at]!
    if (turns[turn]! <= timeUs) end()
    while (turns[turn]! <= timeUs) turn += 1
    if (kind === 'search' || (kind === 'collector' && clockMs > 0)) {
      clockMs += timeDeltas[at]! / 1000
      if (kind === 'search') workMs += sampleMs
      continue
    }
    end()
  }
  end()
  return found
}

type Kind = 'search' | 'collector' | 'other'

/** What is done where a sample was taken, by its node. */
function kindsOf({ nodes }: Profile, isOfSearch: (frame: Frame) => boolean): (id: number) => Kind {
  const frames = new Map(nodes.map(({ id, callFrame }) => [id, callFrame]))
  const callers = new Map(
    nodes.flatMap(({ id, children = [] }) => children.map(child => [child, id] as const)),
  )
  const known = new Map<number, Kind>()
  const kindOf = (id: number): Kind => {
    const before = known.get(id)
    if (before !== undefined) return before
    const frame = frames.get(id)!
    const caller = callers.get(id)
    const ofCaller = caller === undefined ? 'other' : kindOf(caller)
    const own = frame.functionName === collector ? 'collector' : isOfSearch(frame) ? 'search' : ofCaller
    known.set(id, own)
    return own
  }
  return kindOf
}

/** Of which module a function is, in a bundle of many. */
class Modules {
  /** By file, for each of its lines. */
  readonly #files = new Map<string, readonly string[]>()

  of({ url, lineNumber }: Frame): string {
    if (!url.startsWith('file:')) return ''
    const known = this.#files.get(url) ?? modulesOf(url)
    this.#files.set(url, known)
    return known[lineNumber] ?? ''
  }
}

function modulesOf(url: string): string[] {
  let module = ''
  return readFileSync(fileURLToPath(url), 'utf8')
    .split('\n')
    .map(line => {
      module = moduleLine.exec(line)?.[1] ?? module
      return module
    })
}
