// What grants add to a put: the door's question and the look at the envelope by the coordinator and three replicas, beside
// what the same put costs in sealing, signing and checking its signature three times. All in this process and thread;
// network and disk are left out, so the share is an upper bound. Run: node test/bench/grants.ts
import { measureGrants } from './grant-cost.ts'

for (const { name, putUs, checksUs } of await measureGrants()) {
  const share = ((100 * checksUs) / putUs).toFixed(2)
  console.log(`${name.padEnd(40)} put ${putUs.toFixed(0)} µs, grants ${checksUs.toFixed(1)} µs: ${share} %`)
}
