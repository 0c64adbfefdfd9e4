// What the model and the fuzzers found; each in the fewest steps that show it.
import { describe, expect, test } from '@jest/globals'
import { defaultLimits } from '../../src/xmpp/xml/limits.js'
import { BoshBench, empty, FakePeer, lost, message, payload, terminated } from '../support/bosh-bench.js'

describe('a polling session whose link is lost', () => {
  test.each([
    ['hold=0', "wait='60' hold='0' ver='1.6'"],
    ['wait=0', "wait='0' hold='1' ver='1.6'"],
  ])('sends the end in its next reply (%s)', async (_what, attributes) => {
    const { bench, client } = await BoshBench.session(attributes)
    await bench.server(link => link.end(lost))
    expect((await client.next()).reply?.body).toBe(terminated('remote-connection-failed'))
    expect(bench.registry.size).toBe(0)
  })

  test('sends queued stanzas first', async () => {
    const { bench, client } = await BoshBench.session("wait='60' hold='0' ver='1.6'")
    await bench.server(link => {
      link.receive(message('last words'))
      link.end(lost)
    })
    expect((await client.next()).reply?.body).toBe(payload(message('last words')))
    expect((await client.next()).reply?.body).toBe(terminated('remote-connection-failed'))
  })

  test('can still be ended by its client', async () => {
    const { bench, client } = await BoshBench.session("wait='60' hold='0' ver='1.6'")
    await bench.server(link => link.end(lost))
    await client.next('', "type='terminate'")
    expect(bench.registry.size).toBe(0)
  })
})

describe('`wait` limits how long a request is held', () => {
  test('from its arrival, even if it waited for the request before it', async () => {
    const { bench, client } = await BoshBench.session()
    const early = await client.at(702)
    await bench.pass(25)
    await client.at(701)
    await bench.pass(35.5)
    expect(early.reply?.body).toBe(empty)
  })

  test('from its arrival, even if an older request was repeated later, with hold=2', async () => {
    const bench = new BoshBench({ maxRequests: 3 })
    const client = await bench.session("wait='60' hold='2' ver='1.6'")
    await client.at(701)
    const newer = await client.at(702)
    await bench.pass(50)
    await client.at(701)
    await bench.pass(10.5)
    expect(newer.reply?.body).toBe(empty)
  })
})

test('the reply to a missing request is sent before the reply to the parked request', async () => {
  const { bench, client } = await BoshBench.session("wait='60' hold='0' ver='1.6'", 700)
  await bench.server(link => link.receive(message('for 701')))
  const answered: number[] = []
  const at = (rid: number) => {
    const body = `<body rid='${rid}' sid='${client.sid}' type='terminate' xmlns='http://jabber.org/protocol/httpbind'/>`
    return bench.manager
      .exchange(rid === 701 ? body.replace(" type='terminate'", '') : body, new FakePeer())
      .then(() => answered.push(rid))
  }
  await Promise.all([at(702), at(701)])
  expect(answered).toEqual([701, 702])
})

test('a session ends by inactivity with a queued stanza of the most attributes, in the stream’s namespace', async () => {
  const many = Array.from({ length: defaultLimits.maxAttributes }, (_, n) => ` a${n}='1'`).join('')
  const bench = new BoshBench()
  await bench.session()
  await bench.server(link => link.receive(`<message xmlns='jabber:client'${many}/>`))
  await bench.pass(200)
  expect(bench.registry.size).toBe(0)
  expect(bench.link.closed).toBe(true)
})
