import type { Source } from './source.ts'

/** Looks at one source file and says what is wrong with it. */
export type Guard = (source: Source) => string[]

// `process` is also the word for a running peer, so only the names of Node's own are caught; that it is not there
// at all is held by the compiler (tsconfig.pure.json).
const notInPure =
  /\b(Date|setTimeout|setInterval|setImmediate|queueMicrotask|await|async|Buffer|fetch|performance|Promise|console|crypto|globalThis)\b|\bMath\.random\b|\bprocess\.(env|argv|exit|exitCode|hrtime|nextTick|cwd|on|once|std\w+|pid|platform|memoryUsage|cpuUsage|uptime|versions?|emit\w*|kill|chdir)\b/g

/** Time, randomness, input and output reach a pure folder as data only. */
export const pureNames: Guard = ({ path, code }) =>
  [...code.matchAll(notInPure)].map(match => `${path}:${lineOf(code, match.index)} says ${match[0]}`)

const vague = /^(utils?|helpers?|common|misc|shared|stuff)$/i

/** A folder or file is named for what it holds. */
export const vagueNames: Guard = ({ path }) =>
  path
    .split('/')
    .filter(part => vague.test(part.replace(/(\.test)?\.[a-z]+$/, '')))
    .map(part => `${path}: "${part}" does not say what it holds`)

export const linesMax = 400

export const longFiles: Guard = ({ path, text }) => {
  const lines = text.split('\n').length - 1
  return lines > linesMax ? [`${path} has ${lines} lines, more than ${linesMax}`] : []
}

/** A barrel hides who needs what, and circles. */
export const barrels: Guard = ({ path, code }) =>
  /\bexport\s*\*/.test(code) ? [`${path} exports all of another file`] : []

/** Biome refuses `any` too; this guard does not need Biome. */
export const looseTypes: Guard = ({ path, code }) =>
  [...code.matchAll(/(?:\bas|:|<)\s*any\b(?!\s*[:.(<?'])|[<,|&]\s*any\s*>|[|&]\s*any\s*$|\bany\[\]/gm)].map(
    match => `${path}:${lineOf(code, match.index)} uses any`,
  )

// Put together here, as this file is looked at as well.
const postponed = new RegExp(
  `\\b(${['TO', 'FIX'].map((start, i) => start + ['DO', 'ME'][i]).join('|')})\\b`,
  'g',
)

/** What is left to do is an issue. */
export const postponedWork: Guard = ({ path, text }) =>
  [...text.matchAll(postponed)].map(match => `${path}:${lineOf(text, match.index)} postpones work`)

const places = ['work', 'tmp', 'farm', 'home', 'root', 'Users'].join('|')
const machinePath = new RegExp(`(?<![\\w.*)}\\]/\`-])/(${places})/[\\w.]|\\.${'lib'}rary\\b`, 'g')

/** A path of somebody's machine means nothing on another one. */
export const machinePaths: Guard = ({ path, text }) =>
  [...text.matchAll(machinePath)].map(match => `${path}:${lineOf(text, match.index)} names ${match[0]}`)

function lineOf(text: string, index: number): number {
  let line = 1
  for (let i = text.indexOf('\n'); i >= 0 && i < index; i = text.indexOf('\n', i + 1)) line++
  return line
}
