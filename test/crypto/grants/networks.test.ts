// Goal: a network holds the addresses that it should, however they are spelled. Method: cases by hand, spellings that are
// refused, and a comparison with Node's own block list.
import assert from 'node:assert/strict'
import { BlockList } from 'node:net'
import { test } from 'node:test'
import fc from 'fast-check'
import { addressFrom, isNetwork, networksHold } from '../../../crypto/grants/networks.ts'

const holds = (network: string, address: string) => networksHold([network], addressFrom(address)!)

test('addresses have one meaning each', () => {
  assert.deepEqual(addressFrom('10.0.0.1'), Uint8Array.of(10, 0, 0, 1))
  for (const mapped of ['::ffff:10.0.0.1', '::FFFF:a00:1', '0:0:0:0:0:ffff:0a00:0001']) {
    assert.deepEqual(addressFrom(mapped), Uint8Array.of(10, 0, 0, 1), mapped)
  }
  assert.equal(addressFrom('2001:DB8::1')?.length, 16)
  // An IPv4-compatible address is no mapped one.
  assert.equal(addressFrom('::10.0.0.1')?.length, 16)
  const none = [
    '',
    'localhost',
    '10.1',
    '010.0.0.1',
    '10.0.0.256',
    '0x0a.0.0.1',
    '167772161',
    '10.0.0.1 ',
    'fe80::1%eth0',
  ]
  for (const text of [...none, '[::1]', '::1]', '1::2::3', '10.0.0.1/8', ':'.repeat(100)]) {
    assert.equal(addressFrom(text), null, text)
  }
})

test('a network has one spelling', () => {
  for (const text of [
    '0.0.0.0/0',
    '10.0.0.0/8',
    '10.1.2.3/32',
    '::/0',
    '2001:db8::/32',
    '::1/128',
    'fe80::/10',
  ]) {
    assert.ok(isNetwork(text), text)
  }
  const wrong = [
    '10.0.0.0',
    '10.0.0.1/8',
    '10.0.0.0/08',
    '10.0.0.0/33',
    '10.0.0.0/-1',
    '10.0.0.0/',
    '10.0.0.0/8/8',
    '/8',
  ]
  const wrong6 = [
    '2001:DB8::/32',
    '2001:db8:0::/32',
    '2001:db8::1/32',
    '::/129',
    '::ffff:10.0.0.0/104',
    '::ffff:a00:0/104',
    '::ffff:0:0/96',
  ]
  for (const text of [...wrong, ...wrong6]) assert.ok(!isNetwork(text), text)
})

test('a mapped address is held by networks of version 4 only', () => {
  assert.ok(holds('10.0.0.0/8', '::ffff:10.9.9.9'))
  assert.ok(!holds('10.0.0.0/8', '::ffff:11.0.0.1'))
  assert.ok(!holds('::/0', '::ffff:10.0.0.1'))
  assert.ok(!holds('::/0', '10.0.0.1'))
  assert.ok(!holds('0.0.0.0/0', '::1'))
  assert.ok(holds('0.0.0.0/0', '255.255.255.255'))
  assert.ok(holds('10.1.2.4/30', '10.1.2.7'))
  assert.ok(!holds('10.1.2.4/30', '10.1.2.8'))
  assert.ok(holds('fe80::/10', 'febf::1'))
  assert.ok(!holds('fe80::/10', 'fec0::1'))
  assert.ok(!networksHold([], addressFrom('10.0.0.1')!))
  assert.ok(!networksHold(['nonsense'], addressFrom('10.0.0.1')!))
})

test('as Node has it', () => {
  const near = fc.tuple(fc.ipV4(), fc.integer({ min: 0, max: 32 }), fc.nat(0xffffffff))
  const numberOf = (text: string) => addressFrom(text)!.reduce((sum, byte) => sum * 256 + byte, 0)
  const textOf = (value: number) => [24, 16, 8, 0].map(shift => (value >>> shift) & 255).join('.')
  fc.assert(
    fc.property(near, ([address, bits, noise]) => {
      if (addressFrom(address) === null) return
      const mask = bits === 0 ? 0 : (0xffffffff << (32 - bits)) >>> 0
      const start = textOf((numberOf(address) & mask) >>> 0)
      assert.ok(isNetwork(`${start}/${bits}`))
      const list = new BlockList()
      list.addSubnet(start, bits)
      // Half of them differ in few bits, so that both answers come up.
      for (const other of [address, textOf(noise), textOf((numberOf(address) ^ (1 << (noise % 32))) >>> 0)]) {
        assert.equal(holds(`${start}/${bits}`, other), list.check(other), `${other} in ${start}/${bits}`)
      }
    }),
  )
  fc.assert(
    fc.property(fc.ipV6(), fc.integer({ min: 0, max: 128 }), fc.ipV6(), (address, bits, other) => {
      const [one, two] = [addressFrom(address)!, addressFrom(other)!]
      if (one.length === 4 || two.length === 4) return
      const start = new URL(
        `http://[${groups(one.map((byte, at) => byte & maskAt(bits, at)))}]`,
      ).hostname.slice(1, -1)
      if (addressFrom(start)?.length === 4) return
      const list = new BlockList()
      list.addSubnet(start, bits, 'ipv6')
      for (const each of [address, other]) {
        assert.equal(holds(`${start}/${bits}`, each), list.check(each, 'ipv6'), `${each} in ${start}/${bits}`)
      }
    }),
  )
})

const groups = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex').match(/.{4}/g)!.join(':')
const maskAt = (bits: number, at: number) =>
  bits >= at * 8 + 8 ? 255 : bits <= at * 8 ? 0 : 256 - 2 ** (at * 8 + 8 - bits)
