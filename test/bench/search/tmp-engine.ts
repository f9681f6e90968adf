import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { RoleName } from '../../../base/ids.ts'
import { newRoleKey } from '../../../crypto/roles.ts'
import { SearchEngine } from '../../../node/search/engine/engine.ts'
import { mainIndex } from '../../../node/search/engine/configuration.ts'
import { seeded } from '../../../base/random.ts'
import { indexed } from './corpus.ts'
import { makeCorpus } from './questions.ts'
const contexts = Number(process.argv[2] ?? 100000)
const roles = ['developer', 'architect', 'devops', 'tester'] as RoleName[]
const { context, kinds } = makeCorpus()
const keys = roles.map(name => newRoleKey(name))
const dir = mkdtempSync(join(tmpdir(), 'slurp-eng-'))
const cpu = () => { const { user, system } = process.cpuUsage(); return (user + system) / 1000 }
const engine = await SearchEngine.open({ dir: join(dir, 'index'), bindingSecret: randomBytes(32), roleKeys: keys, recipients: keys.map(({ name, keyVersion, identity }) => ({ name, keyVersion, recipient: identity.recipient.text })), indexes: [mainIndex] } as any)
let c0 = cpu()
for (let at = 0; at < contexts; at += 64) {
  const changes = []
  for (let n = at; n < Math.min(contexts, at + 64); n++) changes.push({ kind: 'put' as const, document: indexed(context(n), n) })
  await engine.apply(changes as any, null)
}
await engine.noteComplete()
await engine.settled()
console.log(`indexed ${contexts}: ${((cpu() - c0) / contexts).toFixed(3)} ms cpu a document`)
console.log(JSON.stringify(engine.report().indexes).slice(0, 600))
for (const round of [1, 2])
for (const [kind, questions] of Object.entries(kinds)) {
  const row = [] 
  for (const more of [{}, { highlights: false }, { limit: 1, highlights: false }]) {
    const by = seeded(7)
    const asked = Array.from({ length: 300 }, () => questions(by))
    c0 = cpu()
    const n = 300
    for (const q of asked) engine.search({ roles: ['developer'], ...q, ...more } as any)
    row.push(((cpu() - c0) / n).toFixed(3))
  }
  console.log(round, kind.padEnd(10), row.join('  '))
}
await engine.close()
rmSync(dir, { recursive: true })
