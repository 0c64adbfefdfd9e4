import { describe, expect, test } from '@jest/globals'
import { noAnswer } from '../../../src/browsers/bosh/peer.js'
import type { StoredSession } from '../../../src/store/store.js'
import type { LinkEnd } from '../../../src/xmpp/link.js'
import {
  authenticate,
  BoshBench,
  type Client,
  create,
  empty,
  FakePeer,
  lost,
  message,
  payload,
  request,
  terminated,
} from '../../support/bosh-bench.js'
import { nextBench, recordsOf, resumable, takeUpAt } from '../../support/next-process.js'
import { k1, k2, k3, k4 } from './keys.js'

const refused = terminated('item-not-found')

/** The numbers of the server's messages in a reply. */
const numbers = (client: { reply: { body: string } | undefined }) =>
  [...(client.reply?.body ?? '').matchAll(/<body>(\d+)</g)].map(([, number]) => Number(number))

describe('a page that resumes a session', () => {
  test('gets all values of the creation reply, and a rid far ahead', async () => {
    const bench = new BoshBench()
    const { id, sid } = await bench.warmed()
    const resumed = bench.registry.byId(id)?.resume({ seconds: 60, attachBinding: 'off' })
    expect(resumed).toEqual({
      ...{ id, sid, jid: 'juliet@chat.example/balcony', rid: expect.any(Number), received: 700, delivered: 0 },
      ...{ wait: 60, hold: 1, requests: 2, inactivity: 150, polling: 5, maxpause: 300, ver: '1.6' },
    })
    // The page before could try a million rids in minutes.
    expect(resumed!.rid - 701).toBeGreaterThanOrEqual(2 ** 36)
    expect(resumed!.rid - 701).toBeLessThan(2 ** 37)
  })

  test.each([
    ['the next rid', 1],
    ['the last used rid', 0],
  ])('may begin with %s, loses no payload, and continues with the next rids', async (_what, ahead) => {
    const { bench, client: old } = await BoshBench.warmed()
    await old.next(message('one'))
    const page = await bench.resume(old)
    const first = await page.at(page.rid + ahead, message('two'))
    await page.at(page.rid + ahead + 1, message('three'))
    expect(first.reply?.body).toBe(empty)
    expect(page.link.sent).toEqual(['one', 'two', 'three'].map(message))
  })

  test.each([
    ['', (bench: BoshBench) => bench],
    [
      ', also in another process',
      (bench: BoshBench) => {
        const next = nextBench()
        takeUpAt(next, recordsOf(bench))
        return next
      },
    ],
  ])('learns the last rid that came, if the page before sent nothing%s', async (_where, moved) => {
    const { bench, client } = await resumable()
    await client.next(message('one'))
    const last = client.rid
    const resumed = (there: BoshBench) => there.registry.byId(client.id)!.resume({ seconds: 60, attachBinding: 'off' })!
    expect(resumed(bench).received).toBe(last)
    const there = moved(bench)
    for (let unused = 0; unused < 2; unused++) expect(resumed(there).received).toBe(last)
  })

  test('must send its first request in the given time, and then before the usual inactivity', async () => {
    const { bench, client } = await BoshBench.warmed()
    const page = await bench.resume(client, { seconds: 30 })
    await bench.pass(29)
    const { peer } = await page.next()
    peer.leave()
    await bench.pass(149)
    expect(bench.registry.size).toBe(1)
    await bench.pass(3)
    expect([bench.registry.size, client.link.closed]).toEqual([0, true])
  })

  test('keeps the content type and the channel of the first page', async () => {
    const { bench, client: old } = await BoshBench.session("wait='60' hold='1' ver='1.6' content='text/plain'")
    await bench.server(link => link.bind())
    await old.next()
    const page = await bench.resume(old)
    expect((await page.next('', '', new FakePeer(false))).reply?.status).toBe(0)
    page.rid -= 1
    expect((await page.next('', "pause='10'")).reply?.contentType).toBe('text/plain; charset=utf-8')
  })
})

describe('the previous page', () => {
  test('gets empty answers to its open requests, and none to one that is not accepted', async () => {
    const bench = new BoshBench({ maxRequests: 3 })
    const old = await bench.warmed({}, "wait='60' hold='2' ver='1.6'")
    const open = [await old.next(), await old.next(), await old.at(704, message('never received'))]
    await bench.resume(old)
    expect(open.map(({ reply }) => reply)).toMatchObject([
      { status: 200, body: empty },
      { status: 200, body: empty },
      noAnswer,
    ])
    expect(old.link.sent).toEqual([])
  })

  test.each([
    ['a message', 702, message('from the old page'), ''],
    ['a repetition', 701, '', ''],
    ['one far below', 1, '', ''],
    ['the end of the session', 702, '', "type='terminate'"],
  ])('is refused with %s, which does not change the session', async (_what, rid, inner, attributes) => {
    const { bench, client: old } = await BoshBench.warmed()
    await old.next()
    const page = await bench.resume(old)
    const poll = await page.next()
    await bench.pass(50)
    expect((await old.at(rid, inner, attributes)).reply?.body).toBe(refused)
    expect(poll.reply).toBeUndefined()
    expect(page.link.sent).toEqual([])
    await bench.pass(4.5)
    expect(poll.reply?.body).toBe(empty)
    await page.next(message('still mine'))
    expect(page.link.sent).toEqual([message('still mine')])
  })

  test('is refused by HTTP status if it uses the first version, also with a request that is too large', async () => {
    const { bench, client: old } = await BoshBench.session("wait='60' hold='1'")
    await bench.server(link => link.bind())
    await bench.resume(old)
    expect((await old.next()).reply?.status).toBe(404)
    const tooLarge = `<body xmlns='http://jabber.org/protocol/httpbind' rid='701' sid='${old.sid}'>`
    expect(bench.manager.refuseTooLarge(tooLarge, new FakePeer())?.status).toBe(404)
    expect(bench.registry.size).toBe(1)
  })
})

describe('stanzas from the server', () => {
  const say = (bench: BoshBench, ...said: number[]) =>
    bench.server(link => link.receive(...said.map(number => message(String(number)))))

  /** Replies 1, 2, 3 to rids 701, 702, 703. */
  async function talk(bench: BoshBench, client: Client): Promise<void> {
    for (const number of [1, 2, 3]) {
      await client.next()
      await say(bench, number)
    }
  }

  test('that no later request has acknowledged are sent again, in order, before queued ones', async () => {
    const { bench, client: old } = await BoshBench.warmed()
    await talk(bench, old)
    await say(bench, 4, 5)
    const page = await bench.resume(old)
    // A page that sends 703 may have 702 under way, and has the reply to 701.
    expect((await page.next()).reply?.body).toBe(payload(...[2, 3, 4, 5].map(number => message(`${number}`))))
  })

  test.each([
    ['', false],
    [', also if a request is parked', true],
  ])('that may have been lost before a pause are sent again%s', async (_what, isParked) => {
    const { bench, client: old } = await BoshBench.warmed()
    await talk(bench, old)
    // A pause allows one request above the window.
    await old.next('', "pause='60'")
    if (isParked) await old.at(706)
    const page = await bench.resume(old)
    expect(numbers(await page.next())).toEqual([2, 3])
  })

  // Libraries send two at once.
  test('are sent again to a polling session for two requests, also to the page after the next', async () => {
    const { bench, client: old } = await BoshBench.warmed({}, "wait='60' hold='0' ver='1.6'")
    for (const number of [1, 2, 3]) {
      await say(bench, number)
      await old.next()
    }
    const page = await bench.resume(await bench.resume(old))
    expect(numbers(await page.next())).toEqual([2, 3])
  })

  test.each([
    ['implicitly by its next request', '', [3, 4]],
    ['by ack', "ack='702'", [2, 3, 4]],
  ])('that a client has acknowledged, %s, are not sent again', async (_what, ack, again) => {
    const { bench, client: old } = await BoshBench.session("wait='60' hold='1' ver='1.6' ack='1'")
    await bench.server(link => link.bind())
    // Fetches the server's answer to the bind.
    await old.next()
    await old.next()
    await say(bench, 1)
    await old.next()
    await say(bench, 2)
    await old.next('', ack)
    await say(bench, 3)
    await say(bench, 4)
    const page = await bench.resume(old)
    expect(numbers(await page.next())).toEqual(again)
  })

  test('are returned to their senders if the next page never comes, whatever the previous page sends', async () => {
    const { bench, client: old } = await BoshBench.warmed()
    await old.next()
    const question = "<iq xmlns='jabber:client' type='get' id='q' from='a@x'/>"
    await bench.server(link => link.receive(question))
    await bench.resume(old, { seconds: 10 })
    await bench.pass(9)
    await old.next()
    await bench.pass(1.5)
    expect(old.link.sent.join()).toContain("type='error' to='a@x' id='q'")
  })
})

describe('the terms of the previous page', () => {
  test('a sequence of keys ends, because the new page does not have the next key', async () => {
    const { bench, client: old } = await BoshBench.session(`newkey='${k4}' ver='1.6'`, 790)
    await bench.server(link => link.bind())
    await old.next('', `key='${k3}'`)
    const page = await bench.resume(old)
    await page.next(message('without a key'))
    await page.next(message('again'))
    expect(page.link.sent).toEqual(['without a key', 'again'].map(message))
    for (const key of [k2, k1]) expect((await old.next('', `key='${key}'`)).reply?.body).toBe(refused)
  })

  test('acknowledgements end, because the new page did not ask for them', async () => {
    const { bench, client: old } = await BoshBench.session("wait='60' hold='1' ver='1.6' ack='1'")
    await bench.server(link => link.bind())
    const page = await bench.resume(old)
    const first = await page.next()
    await page.next()
    expect(first.reply?.body).toContain('juliet@chat.example/balcony')
    expect(first.reply?.body).not.toContain('ack=')
    // The reply is still stored, because the next request had no `ack`.
    expect((await page.at(page.rid - 1)).reply?.body).toBe(first.reply?.body)
  })
})

describe('a session cannot be resumed', () => {
  const handover = { seconds: 60, attachBinding: 'off' } as const

  test('if its login is under way, by this process or by its client', async () => {
    const { bench, client } = await BoshBench.session()
    for (const id of [client.id, bench.login().opening.id])
      expect(bench.registry.byId(id)?.resume(handover)).toBeUndefined()
    await client.next(message('goes on'))
    expect(client.link.sent).toEqual([message('goes on')])
  })

  test('if its server has ended it, and its page gets the end', async () => {
    const { bench, client } = await BoshBench.warmed()
    await bench.server(link => link.end(lost))
    expect(bench.registry.byId(client.id)?.resume(handover)).toBeUndefined()
    expect((await client.next()).reply?.body).toBe(terminated('remote-stream-error'))
  })

  test('if its client began with so high a rid that none remain; the session continues', async () => {
    const bench = new BoshBench()
    const rid = Number.MAX_SAFE_INTEGER - 2 ** 19
    const creation = await bench.send(create("ver='1.6'", rid, authenticate))
    await bench.server(link => link.open())
    await bench.server(link => link.bind())
    const [{ id }] = [...bench.registry.list()] as [StoredSession]
    const [, sid] = /sid='(\w+)'/.exec(creation.reply!.body)!
    const poll = await bench.send(request(sid!, rid + 1))
    expect(poll.reply?.body).toContain('juliet@chat.example/balcony')
    expect(bench.registry.byId(id)?.resume(handover)).toBeUndefined()
    expect(bench.registry.byId(id)?.view.state).toBe('quiet')
  })
})

describe('a session whose link was lost while its page was away', () => {
  async function lostLink(end: LinkEnd, ...waiting: readonly string[]) {
    const { bench, client } = await BoshBench.warmed()
    const { peer } = await client.next()
    peer.leave()
    await bench.server(link => link.receive(...waiting.map(message)))
    await bench.server(link => link.end(end))
    return { bench, client }
  }

  test('is resumed for the stanzas that wait, and then ends', async () => {
    const { bench, client } = await lostLink(lost, '1', '2')
    const page = await bench.resume(client)
    expect(bench.registry.byId(client.id)?.view.state).toBe('ended')
    expect(numbers(await page.next())).toEqual([1, 2])
    expect((await page.next()).reply?.body).toBe(terminated('remote-stream-error'))
    expect(bench.registry.size).toBe(0)
  })

  test('is not resumed if none wait, or if another client has the resource', async () => {
    const none = await lostLink(lost)
    await expect(none.bench.resume(none.client)).rejects.toThrow()
    const failure = { step: 'stream', code: 'remote-stream-error', condition: 'conflict' } as const
    const replaced = await lostLink({ failure, streamError: '<error/>' }, '1')
    await expect(replaced.bench.resume(replaced.client)).rejects.toThrow()
  })

  test('is removed if no page comes in time', async () => {
    const { bench, client } = await lostLink(lost, '1')
    await bench.resume(client, { seconds: 30 })
    await bench.pass(29)
    expect(bench.registry.size).toBe(1)
    await bench.pass(2)
    expect(bench.registry.size).toBe(0)
  })

  test.each([
    ['no page comes in time', (bench: BoshBench) => bench.pass(200)],
    ['the service stops', async (bench: BoshBench) => bench.registry.endAllSilently()],
  ])('is logged with the stanzas that are lost if %s', async (_when, pass) => {
    const { bench } = await lostLink(lost, '1', '2')
    await bench.warmed()
    await pass(bench)
    bench.sums.close()
    const lines = bench.logged.map(line => JSON.parse(line)).filter(({ stanzas }) => stanzas !== undefined)
    expect(lines).toMatchObject([{ level: 40, sessions: 1, stanzas: 2, msg: expect.stringMatching('it is lost') }])
  })

  test('is not logged as lost if its page gets all, or signs out', async () => {
    const [read, left] = [await lostLink(lost, '1'), await lostLink(lost, '1')]
    const page = await read.bench.resume(read.client)
    await page.next()
    await page.next()
    left.bench.registry.byId(left.client.id)?.end('logout', 'loggedOut')
    for (const { bench } of [read, left]) {
      await bench.pass(200)
      bench.sums.close()
      expect(bench.registry.size).toBe(0)
      expect(bench.logged.join()).not.toContain('stanzas')
    }
  })

  test('is not kept by calls alone, because it does not count for its user', async () => {
    const { bench, client } = await lostLink(lost, '1')
    for (let calls = 0; calls < 5; calls++) {
      await bench.resume(client, { seconds: 60 })
      await bench.pass(55)
    }
    await expect(bench.resume(client)).rejects.toThrow()
    await bench.pass(6)
    expect(bench.registry.size).toBe(0)
  })
})

test('a session that the last request of its page ends is not resumed', async () => {
  const bench = new BoshBench({}, undefined, { byteRate: { sessionBytes: 300, sessionBurst: 300 } })
  const old = await bench.warmed()
  await old.next()
  await bench.server(link => link.receive(message('1')))
  await old.next(message('x'.repeat(5000)))
  await bench.server(link => link.receive(message('2')))
  await old.next(message('y'))
  await bench.server(link => link.receive(message('3')))
  old.link.backlog = 9 * 1024 * 1024
  await expect(bench.resume(old)).rejects.toThrow()
  expect([bench.registry.byId(old.id)?.hasEnded, old.link.closed]).toEqual([true, true])
})
