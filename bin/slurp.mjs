#!/usr/bin/env node
// The installed command. Written so that an old Node can read it and say in one sentence what is wrong.
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const wanted = 24
const found = Number(process.versions.node.split('.')[0])
if (found < wanted) {
  console.error(`slurp needs Node ${wanted} or newer; this is Node ${process.versions.node}.`)
  process.exit(1)
}
const compiled = new URL('../dist/node/main.js', import.meta.url)
const source = new URL('../node/main.ts', import.meta.url)
await import(existsSync(fileURLToPath(compiled)) ? compiled.href : source.href)
