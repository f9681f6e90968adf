#!/usr/bin/env node
// The installed command. Written so that an old Node can read it and say in one sentence what is wrong.
import { existsSync } from 'node:fs'
import * as module from 'node:module'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const wanted = 24
const found = Number(process.versions.node.split('.')[0])
if (found < wanted) {
  console.error(`slurp needs Node ${wanted} or newer; this is Node ${process.versions.node}.`)
  process.exit(1)
}
// Compiled code is kept in a folder of this user's own, for this process and the peers that it starts.
if (process.env.NODE_COMPILE_CACHE === undefined) {
  const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'slurp')
  if (module.enableCompileCache(cache).directory !== undefined) process.env.NODE_COMPILE_CACHE = cache
}
const compiled = new URL('../dist/node/main.js', import.meta.url)
const source = new URL('../node/main.ts', import.meta.url)
await import(existsSync(fileURLToPath(compiled)) ? compiled.href : source.href)
