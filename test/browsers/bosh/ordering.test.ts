import { describe, expect, test } from '@jest/globals'
import { noAnswer } from '../../../src/browsers/bosh/peer.js'
import {
  auth,
  BoshBench,
  body,
  empty,
  errorReply,
  FakePeer,
  message,
  payload,
  terminated,
} from '../../support/bosh-bench.js'
import { collectGarbage } from '../../support/collected.js'

const MiB = 2 ** 20
const long = (length: number) => message('x'.repeat(length))
const large = long(200_000).repeat(2)

describe('requests that wait for their turn', () => {
  const start = () => new BoshBench(undefined, undefined, { unfinishedMegabytes: 1 })

  test('share the memory for unfinished requests; beyond it clients must send them again', async () => {
    const bench = start()
    const [one, other] = [await bench.warmed(), await bench.warmed()]
    await one.at(one.rid + 2, large)
    const refused = await other.at(other.rid + 2, large)
    expect(refused.reply).toMatchObject({ status: 503, body: expect.stringContaining('Send it again later.') })
    expect(bench.logged.join('')).toContain('MAX_UNFINISHED_MB')
    // The next request in order needs no room.
    await one.at(one.rid + 1, message('first'))
    expect(one.link.sent).toEqual([message('first'), large])
    const again = await other.at(other.rid + 2, large)
    expect(again.reply).toBeUndefined()
    await other.at(other.rid + 1, message('first'))
    expect(other.link.sent).toEqual([message('first'), large])
    expect(bench.bodies.bytes).toBe(0)
  })

  test('take memory once if they are repeated, and none once they are rejected, broken or ended', async () => {
    const bench = start()
    const client = await bench.warmed()
    const early = () => client.at(client.rid + 2, long(200_000))
    await early()
    const repeated = await early()
    expect(bench.bodies.bytes).toBeGreaterThan(MiB / 4)
    expect(bench.bodies.bytes).toBeLessThan(MiB / 2)
    repeated.peer.leave()
    expect(bench.bodies.bytes).toBe(0)
    await early()
    await bench.pass(30.5)
    expect(bench.bodies.bytes).toBe(0)
    await early()
    await client.at(client.rid + 9)
    expect([bench.registry.size, bench.bodies.bytes]).toEqual([0, 0])
  })

  test('because their client has sent too much take memory as well', async () => {
    const byteRate = { sessionBytes: 100_000, sessionBurst: 100_000 }
    const bench = new BoshBench(undefined, undefined, { unfinishedMegabytes: 1, byteRate })
    const client = await bench.warmed()
    await client.next(large)
    await client.next(large)
    expect(bench.bodies.bytes).toBeGreaterThan(800_000)
    await bench.pass(5)
    expect([client.link.sent.length, bench.bodies.bytes]).toEqual([2, 0])
  })

  test('may have 16 KiB in all before their user is logged in', async () => {
    const bench = start()
    const client = await bench.session(undefined, 710)
    const [short, tooLong] = [await client.at(712, long(10_000)), await client.at(713, long(10_000), " pause='60'")]
    expect([short.reply, tooLong.reply?.status]).toEqual([undefined, 503])
    expect(bench.registry.size).toBe(1)
    await client.at(711, auth)
    expect(bench.bodies.bytes).toBe(0)
  })

  test('take no more memory than their text, however many elements it has', async () => {
    const bench = new BoshBench()
    const clients = await Promise.all(Array.from({ length: 20 }, () => bench.warmed()))
    const [declared, element] = [` xmlns:p='${'u'.repeat(64)}'`, "<p:a to='juliet@capulet.example'/>"]
    collectGarbage()
    const before = process.memoryUsage().heapUsed
    for (const client of clients) await client.at(client.rid + 2, element.repeat(4_000), declared)
    collectGarbage()
    // As elements, each request would take 800 kB.
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(20 * 300_000)
    expect(bench.bodies.bytes).toBeGreaterThan(20 * 130_000)
  })
})

describe('requests', () => {
  test('with an unknown or empty sid get item-not-found', async () => {
    const { bench } = await BoshBench.session()
    for (const sid of ['x'.repeat(40), ''])
      expect((await bench.send(body(`rid='1' sid='${sid}'`))).reply?.body).toBe(terminated('item-not-found'))
    expect(bench.registry.size).toBe(1)
  })

  test.each(["rid='x'", '', "rid='0'", "rid='-1'", "rid='701' ack='soon'"])(
    'with «%s» get bad-request',
    async numbers => {
      const { bench, client } = await BoshBench.session("wait='60' hold='1' ver='1.6' ack='1'")
      const { reply } = await bench.send(body(`${numbers} sid='${client.sid}'`))
      expect(reply?.body).toBe(terminated('bad-request'))
    },
  )

  test('with a stanza larger than servers accept end the session before the server would', async () => {
    const client = await new BoshBench().warmed()
    const fits = message('x'.repeat(262_144 - message('').length))
    await client.next(fits)
    expect(client.link.sent).toEqual([fits])
    const { reply } = await client.next(message('ü'.repeat(131_072)))
    expect(reply?.body).toBe(terminated('policy-violation'))
    expect(client.link.sent).toHaveLength(1)
    expect(client.bench.counts.refused.stanza).toBe(1)
  })
})

describe('a repeated request', () => {
  test('for the session’s creation gets the creation reply', async () => {
    const client = await new BoshBench().session()
    expect((await client.at(700)).reply?.body).toBe(client.creation.reply?.body)
  })

  test('that is still held replaces the older request', async () => {
    const { bench, client } = await BoshBench.session()
    const first = await client.next()
    await bench.pass(50)
    const second = await client.at(client.rid)
    expect(first.reply).toMatchObject({ status: 503, body: errorReply })
    expect(second.reply).toBeUndefined()
    await bench.server(link => link.receive(message('down')))
    expect(second.reply?.body).toBe(payload(message('down')))
  })

  test('is answered when its wait, from the first copy, is over: a proxy that cuts requests ends no session', async () => {
    const { bench, client } = await BoshBench.session()
    for (let poll = 0; poll < 3; poll++) {
      let held = await client.next()
      for (let cut = 0; cut < 5; cut++) {
        await bench.pass(10)
        held.peer.leave()
        held = await client.at(client.rid)
        expect(held.reply).toBeUndefined()
      }
      await bench.pass(5)
      expect(held.reply?.body).toBe(empty)
    }
    expect(bench.counts.replays).toBe(15)
  })

  test('that waits for an earlier one waits no longer than its first copy', async () => {
    const { bench, client } = await BoshBench.session()
    await client.at(client.rid + 2)
    await bench.pass(20)
    const again = await client.at(client.rid + 2)
    await bench.pass(10.5)
    // Strophe takes what has the status 200 for the reply, and would never send the stanzas of this request again.
    expect(again.reply).toMatchObject({ status: 503, body: errorReply })
  })
})

describe('a copy that comes by another process, so that the client may have sent a newer one,', () => {
  const late = () => Object.assign(new FakePeer(), { mayBeLate: true })

  test('closes the connection of the held or parked one, and the client repeats its request', async () => {
    const { bench, client } = await BoshBench.session(undefined, 710)
    const parked = await client.at(712, message('b'))
    await client.at(712, message('b'), '', late())
    expect(parked.reply).toBe(noAnswer)
    await client.at(712, message('b'))
    const held = await client.at(711, message('a'))
    expect(held.reply?.body).toBe(empty)
    expect(client.link.sent).toEqual([message('a'), message('b')])
    const newer = await client.at(713)
    const older = await client.at(713, '', '', late())
    expect(newer.reply).toBe(noAnswer)
    older.peer.leave()
    await bench.server(link => link.receive(message('down')))
    expect((await client.at(713)).reply?.body).toBe(payload(message('down')))
  })

  test('gets no answer if the client has its reply for long, and the session goes on', async () => {
    const { bench, client } = await BoshBench.session()
    const first = client.rid + 1
    for (let count = 0; count < 6; count++) await client.next(message('up'))
    const held = await client.next()
    expect((await client.at(first, message('up'), '', late())).reply).toBe(noAnswer)
    await bench.server(link => link.receive(message('down')))
    expect(held.reply?.body).toBe(payload(message('down')))
  })
})

describe('a late copy of a request whose reply is no longer stored', () => {
  const notFound = terminated('item-not-found')

  test.each([
    ['', ''],
    // The reply is acknowledged, and so forgotten.
    [" ack='1'", "ack='701'"],
  ])('is refused alone while its client is there (%s)', async (acks, ack) => {
    const { bench, client } = await BoshBench.session(`wait='60' hold='1' ver='1.6'${acks}`, 700)
    for (let rid = 701; rid < 707; rid++) await client.next(message('up'), rid > 702 ? ack : '')
    expect((await client.at(701, message('up'))).reply?.body).toBe(notFound)
    expect(bench.logged.join('')).toContain('a BOSH request was refused: item-not-found: The rid is too old')
    await bench.server(link => link.receive(message('down')))
    expect((await client.at(706, message('up'), ack)).reply?.body).toContain(message('down'))
    expect((await client.next()).reply).toBeUndefined()
    expect(client.link.sent).toHaveLength(6)
  })

  test('is refused alone while newer requests wait for their turn', async () => {
    const bench = new BoshBench({}, undefined, { byteRate: { sessionBytes: 100, sessionBurst: 100 } })
    const client = await bench.warmed()
    const first = client.rid + 1
    for (let count = 0; count < 6; count++) {
      await client.next()
      await bench.server(link => link.receive(message('down')))
    }
    await client.next(message('x'.repeat(500)))
    await bench.server(link => link.receive(message('down')))
    await client.next(message('waits'))
    expect((await client.at(first)).reply?.body).toBe(notFound)
    await bench.pass(30)
    expect(client.link.sent).toContain(message('waits'))
  })

  test('ends the session if no other request is open, because its client cannot go on', async () => {
    const { bench, client } = await BoshBench.session()
    const first = client.rid + 1
    for (let count = 0; count < 6; count++) await client.next(message('up'))
    await bench.pass(60)
    expect((await client.at(first, message('up'))).reply?.body).toBe(notFound)
    expect(bench.registry.size).toBe(0)
  })
})

describe('a connection that breaks', () => {
  test('loses nothing if it is not repeated: the next request gets all', async () => {
    const { bench, client } = await BoshBench.session()
    const poll = await client.next()
    poll.peer.leave()
    await bench.server(link => link.receive(message('one')))
    const next = await client.next()
    expect(next.reply?.body).toBe(payload(message('one')))
    // The reply to the broken request is empty.
    expect((await client.at(client.rid - 1)).reply?.body).toBe(empty)
  })
})

test('a page that attaches with `rid` minus 1 keeps its session if its second request arrives first', async () => {
  const { bench, client } = await BoshBench.warmed()
  await client.at(client.rid + 1, message('2'))
  await client.at(client.rid, message('1'))
  expect([bench.registry.size, client.link.sent.join('')]).toEqual([1, message('2') + message('1')])
})
