// Goal: rankings are as good as the reference BM25 of the test collections. Method: both collections through the port
// of the worker, their own words as queries, nDCG at 10 as trec_eval defines it.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { sharedData } from '../shared-data.ts'
import { developer, documentOf, searchWith } from './fixtures.ts'
import { discountedGain, judgementsOf, recordsOf } from './judgements.ts'

for (const [collection, reference] of [
  ['cranfield', 0.5157],
  ['medline', 0.6897],
] as const) {
  test(`${collection} is ranked as well as by the reference`, async t => {
    const read = (name: string) => readFileSync(sharedData(`ir/${collection}/${name}`))
    const documents = recordsOf<{ id: string; title: string; text: string }>(
      gunzipSync(read('docs.ndjson.gz')).toString(),
    )
    const host = await searchWith(
      t,
      documents.map(({ id, title, text }) => ({
        kind: 'put',
        document: documentOf(id, { title, content: text }),
      })),
    )
    const judged = judgementsOf(read('qrels.tsv').toString())
    let sum = 0
    for (const { id, text } of recordsOf<{ id: string; text: string }>(read('queries.ndjson').toString())) {
      const grades = judged.get(id)
      if (grades === undefined) continue
      const { hits } = await host.search({ roles: [developer], query: text, highlights: false })
      const found = hits.map(({ address }) => grades.get(address.split('/').at(-1)!) ?? 0)
      const ideal = discountedGain([...grades.values()].sort((a, b) => b - a))
      sum += ideal === 0 ? 0 : discountedGain(found) / ideal
    }
    const quality = sum / judged.size
    t.diagnostic(`nDCG@10 ${quality.toFixed(4)}, reference ${reference}`)
    assert.ok(quality >= reference, `nDCG@10 is ${quality}`)
  })
}
