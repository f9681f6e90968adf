import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

type Node = {
  readonly id: number
  readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number }
}
type Profile = {
  readonly nodes: readonly Node[]
  readonly samples: readonly number[]
  /** Microseconds since the sample before. */
  readonly timeDeltas: readonly number[]
}

export type Cost = { readonly name: string /** Of the busy time, 0 to 1. */; readonly share: number }
export type Costs = {
  readonly busySeconds: number
  readonly places: readonly Cost[]
  readonly functions: readonly Cost[]
}

/**
 * Where the processes that left their profiles in `dir` spent their time themselves, callees left out.
 *
 * @param isWanted - decides by the names of all functions of a profile, so that only peers are counted.
 */
export function readCosts(dir: string, isWanted: (urls: ReadonlySet<string>) => boolean): Costs {
  const places = new Map<string, number>()
  const functions = new Map<string, number>()
  let busyUs = 0
  for (const name of readdirSync(dir).filter(each => each.endsWith('.cpuprofile'))) {
    const profile = JSON.parse(readFileSync(join(dir, name), 'utf8')) as Profile
    if (!isWanted(new Set(profile.nodes.map(node => node.callFrame.url)))) continue
    const byId = new Map(profile.nodes.map(node => [node.id, node.callFrame]))
    profile.samples.forEach((id, at) => {
      const frame = byId.get(id)!
      const us = profile.timeDeltas[at] ?? 0
      if (frame.functionName === '(idle)') return
      busyUs += us
      add(places, placeOf(frame.functionName, frame.url), us)
      const where = frame.url === '' ? '' : `  ${shortUrl(frame.url)}:${frame.lineNumber + 1}`
      add(functions, `${frame.functionName || '(anonymous)'}${where}`, us)
    })
  }
  return { busySeconds: busyUs / 1e6, places: sorted(places, busyUs), functions: sorted(functions, busyUs) }
}

const houses = /\/(base|dht|replication|crypto|node\/[a-z]+(?:\/libp2p|\/level-disk|\/codec)?)\/[^/]+\.[tj]s$/

/** A house of ours, a package, or the runtime. */
function placeOf(functionName: string, url: string): string {
  if (functionName === '(garbage collector)') return 'garbage collection'
  if (functionName === '(program)') return 'runtime outside of JavaScript'
  const installed = /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(url)
  if (installed) return `package ${installed[1]}`
  if (url.startsWith('node:')) return url.replace('internal/', '').replace(/^(node:[a-z_0-9]+).*/, '$1')
  const house = houses.exec(url)
  if (house) return house[1]!
  return url === '' ? 'runtime, called from JavaScript' : shortUrl(url)
}

const shortUrl = (url: string): string =>
  url
    .replace(/^file:\/\//, '')
    .replace(/^.*\/node_modules\//, '')
    .replace(/^.*\/(?=(?:base|dht|replication|crypto|node)\/)/, '')

function add(map: Map<string, number>, name: string, us: number): void {
  map.set(name, (map.get(name) ?? 0) + us)
}

const sorted = (map: ReadonlyMap<string, number>, all: number): Cost[] =>
  [...map].map(([name, us]) => ({ name, share: us / Math.max(1, all) })).sort((a, b) => b.share - a.share)
