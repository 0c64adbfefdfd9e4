import { describe, expect, test } from '@jest/globals'
import type { TermLimits } from '../../../src/browsers/bosh/terms.js'
import { setDown, takeUpFile } from '../../../src/session/registry/moving-sessions.js'
import type { SessionRecord } from '../../../src/session/session-record.js'
import type { TellEvent } from '../../../src/session/session-types.js'
import {
  ack,
  attachPageCounting,
  attachPageSilently,
  comeBack,
  enable,
  logIn,
  request,
  stanza,
} from '../../browsers/websocket/pages.js'
import {
  type BenchOptions,
  BoshBench,
  type Client,
  empty,
  FakeMending,
  FakePeer,
  lost,
  message,
  payload,
  terminated,
} from '../../support/bosh-bench.js'
import {
  enabledByServer,
  movedTo,
  nextBench,
  recordsOf,
  resumable,
  resumesAt,
  takeUpAt,
  takeUpOne,
} from '../../support/next-process.js'
import { idsIn, sm } from './conversation.js'

/** Moves the session to the next process, and resumes its stream. */
async function goesOn(
  { bench, client }: { bench: BoshBench; client: Client },
  { milliseconds = 0, terms, ...about }: BenchOptions & { milliseconds?: number; terms?: Partial<TermLimits> } = {},
) {
  const next = nextBench(terms, about)
  const [mending] = takeUpAt(next, recordsOf(bench), milliseconds)
  const page = movedTo(next, client)
  const resumes = (count?: number) => resumesAt(next, mending!, count)
  return { next, page, mending: mending!, resumes }
}

const about = { issuesTickets: true }

/** `told` has the events that a portal gets. */
function portal() {
  const told: string[] = []
  const tellEvent: TellEvent = (type, _session, reason) => told.push(reason === undefined ? type : `${type} ${reason}`)
  return { told, tellEvent }
}

async function expectEmpty({ registry, waiting, bodies, clock }: BoshBench): Promise<void> {
  clock.advance(61_000)
  expect([registry.size, registry.tickets.size, waiting.bytes, bodies.bytes, clock.pending]).toEqual([0, 0, 0, 0, 0])
}

test('a session that becomes resumable while others move is moved too', async () => {
  const { bench, client: late } = await BoshBench.warmed({ management: { mending: new FakeMending() } })
  await resumable(bench)
  const moved: string[] = []
  const records = setDown(bench.registry, ({ id }) => moved.push(id))[Symbol.iterator]()
  records.next()
  expect(moved).not.toContain(late.id)
  await bench.server(() => late.link.say(enabledByServer))
  expect(records.next().done).toBe(false)
  expect(moved[1]).toBe(late.id)
  expect(records.next().done).toBe(true)
  expect(bench.registry.size).toBe(0)
})

test('a session keeps its visit and tab', async () => {
  const bench = new BoshBench()
  const tab = { admin: 'portal', user: 'juliet@chat.example', visit: 'v1', tab: 't1' }
  const login = bench.login('', undefined, tab)
  await bench.server(link => link.open())
  const client = await bench.handOver(login, { management: { mending: new FakeMending() } })
  await bench.server(() => client.link.say(enabledByServer))
  const { next } = await goesOn({ bench, client })
  expect([bench.registry.ofTab(tab), next.registry.ofTab(tab)?.view]).toMatchObject([undefined, { id: client.id, tab }])
  next.registry.endAllSilently()
  expect(next.registry.ofTab(tab)).toBeUndefined()
})

describe('a page during a move of its session', () => {
  test('that polls as often as allowed may continue after a gap in its rids', async () => {
    const terms = { enforcePolling: true }
    const { bench, client } = await resumable(new BoshBench(terms), {}, "hold='0'")
    await client.next()
    await bench.pass(5)
    await client.next()
    await bench.pass(1)
    const { next, page } = await goesOn({ bench, client }, { milliseconds: 4_000, terms })
    expect((await page.next()).reply?.body).toBe(empty)
    expect(next.registry.size).toBe(1)
  })

  test('gets an empty reply to its held request, and later stanzas at the next process', async () => {
    const { bench, client } = await resumable()
    const held = await client.next()
    const { next, page, resumes } = await goesOn({ bench, client })
    await next.pass(0)
    expect(held.reply?.body).toBe(empty)
    const again = await page.at(page.rid)
    expect(again.reply?.body).toBe(empty)
    const polled = await page.next()
    const link = await resumes()
    link.receive(message('1'))
    await next.pass(0)
    expect(polled.reply?.body).toBe(payload(message('1')))
    await expectEmpty(bench)
  })

  test('that sends above its rate loses nothing', async () => {
    const byteRate = { sessionBytes: 100, sessionBurst: 100 }
    const { bench, client } = await resumable(new BoshBench({}, undefined, { byteRate }))
    await client.next(message('x'.repeat(1_000)))
    const waits = await client.next(message('waits'))
    expect(waits.reply).toBeUndefined()
    const { next, resumes } = await goesOn({ bench, client })
    const link = await resumes(1)
    expect(link.sent.join('')).toContain(message('waits'))
    expect(waits.reply?.body).toBe(empty)
    next.registry.endAllSilently()
    await expectEmpty(bench)
    await expectEmpty(next)
  })

  test('whose only request is after a gap has its full inactivity again', async () => {
    const { bench, client } = await resumable()
    await client.next('', '', new FakePeer()).then(({ peer }) => peer.leave())
    await bench.pass(140)
    await client.at(client.rid + 2)
    const { next, resumes } = await goesOn({ bench, client })
    await resumes()
    await next.pass(149)
    expect(next.registry.size).toBe(1)
  })

  test('that pauses may stay away for the whole pause', async () => {
    const { bench, client } = await resumable()
    await client.next('', "pause='300'")
    await bench.pass(200)
    const { next, page, resumes } = await goesOn({ bench, client })
    await resumes()
    expect(next.registry.byId(client.id)!.view.state).toBe('paused')
    await next.pass(99)
    expect((await page.next()).reply).toBeUndefined()
    await next.pass(149)
    expect(next.registry.size).toBe(1)
  })

  test('whose time was almost over gets time to send a request', async () => {
    const { bench, client } = await resumable()
    await client.next('', "pause='100'")
    await bench.pass(99)
    const { next, page, resumes } = await goesOn({ bench, client })
    await resumes()
    await next.pass(29)
    expect((await page.next()).reply).toBeUndefined()
  })

  test('is rejected after another page has attached, also at the next process', async () => {
    const { bench, client: first } = await resumable()
    await first.next()
    const second = await bench.resume(first)
    const { next, page } = await goesOn({ bench, client: second })
    const { reply } = await movedTo(next, first).next()
    expect(reply?.body).toBe(terminated('item-not-found'))
    expect((await page.next()).reply).toBeUndefined()
  })

  test('gets its cookie from the next process, and must send it there', async () => {
    const { bench, client } = await resumable(undefined, { attachBinding: 'cookie' })
    const one = await goesOn({ bench, client })
    const { reply } = await one.page.next()
    const cookie = /^[^;]+/.exec(reply!.setCookie!)![0]
    await one.page.next('', '', new FakePeer(true, '192.0.2.1', cookie))
    await one.resumes()
    const two = await goesOn({ bench: one.next, client: one.page })
    expect((await two.page.next('', '', new FakePeer())).reply?.body).toBe(terminated('item-not-found'))
    expect((await two.page.at(two.page.rid, '', '', new FakePeer(true, '192.0.2.1', cookie))).reply).toBeUndefined()
  })

  test('gets its cookie again with a reply that was lost', async () => {
    const { bench, client } = await resumable(undefined, { attachBinding: 'cookie' })
    const { reply } = await client.next()
    const { page } = await goesOn({ bench, client })
    const again = await page.at(page.rid)
    expect(again.reply?.setCookie).toBe(reply!.setCookie)
    expect(again.reply?.setCookie).toContain('wb-')
  })

  test('that needs TLS needs it at the next process too', async () => {
    const { bench, client } = await resumable()
    await client.next()
    const { page } = await goesOn({ bench, client })
    expect((await page.next('', '', new FakePeer(false))).reply?.status).toBe(0)
  })
})

describe('a session that waits for its page during a move', () => {
  test('keeps its age, and ends at its time limit, extended by the duration of the move', async () => {
    const { told, tellEvent } = portal()
    const { bench, client } = await resumable()
    await bench.pass(60)
    const { next, resumes } = await goesOn({ bench, client }, { tellEvent, milliseconds: 10_000 })
    expect(next.clock.now() - next.registry.byId(client.id)!.view.openedAt).toBe(70_000)
    await resumes()
    await next.pass(59)
    expect(next.registry.byId(client.id)!.view.state).toBe('waiting')
    await next.pass(2)
    expect(told).toEqual(['session.ended attach-timeout'])
    await expectEmpty(next)
  })

  test('sends session.attached to its portal once, and no event for the move', async () => {
    const [before, after] = [portal(), portal()]
    const { bench, client } = await resumable(new BoshBench({}, undefined, { tellEvent: before.tellEvent }))
    const { next, page, resumes } = await goesOn({ bench, client }, { tellEvent: after.tellEvent })
    await resumes()
    await page.next()
    expect([before.told, after.told]).toEqual([[], ['session.attached']])
    const again = await goesOn({ bench: next, client: page }, { tellEvent: after.tellEvent })
    await again.page.next()
    await again.page.next('', "type='terminate'")
    expect([before.told, after.told]).toEqual([[], ['session.attached', 'session.ended client']])
    expect([bench.counts.sessionsEnded['set-down'], next.counts.sessionsCreated['taken-up']]).toEqual([1, 1])
  })

  test('keeps its token until the same time limit', async () => {
    const bench = new BoshBench({}, undefined, about)
    const clients = [(await resumable(bench)).client, (await resumable(bench)).client]
    await bench.pass(60)
    const next = nextBench({}, about)
    const mendings = takeUpAt(next, recordsOf(bench), 10_000)
    await expectEmpty(bench)
    for (const mending of mendings) await resumesAt(next, mending)
    await next.pass(59)
    const socket = attachPageSilently(next, clients[0]!.token!)
    expect(socket.sent).toEqual([])
    next.registry.byId(clients[1]!.id)!.inactivity.allow(500)
    await next.pass(2)
    const late = logIn(next, clients[1]!.token!)
    await next.pass(0)
    expect(late.sent.at(-1)).toContain('<not-authorized ')
  })
})

describe('a page with a WebSocket during a move', () => {
  /** A page that counts stanzas, and has got so many. */
  async function counting(count: number) {
    const { bench, client } = await resumable(new BoshBench({}, undefined, about))
    const { socket, id } = attachPageCounting(bench, client.token!)
    for (let number = 1; number <= count; number++) await bench.server(() => client.link.receive(stanza(number)))
    return { bench, client, socket, id }
  }

  test.each([0, 2, 3])('resumes at the next process, if it has %d of three stanzas', async count => {
    const { bench, client, socket, id } = await counting(3)
    socket.receive(stanza('p1'))
    socket.receive(stanza('p2'))
    client.link.sent.length = 0
    const { next, page, resumes } = await goesOn({ bench, client }, about)
    expect(socket.closedWith).toBe(1012)
    await expectEmpty(bench)
    const back = await comeBack(next, page, id, count)
    // The server has confirmed nothing, so the page repeats both stanzas. The server gets them once.
    expect(back.sent[0]).toBe(`<resumed xmlns='urn:xmpp:sm:3' previd='${id}' h='0'/>`)
    expect(idsIn(back.sent.join(''))).toEqual(['1', '2', '3'].slice(count))
    for (const number of ['p1', 'p2']) back.receive(stanza(number))
    const link = await resumes(1)
    expect(link.sent[0]).toBe(`<resume ${sm} previd='first' h='${count}'/>`)
    expect(idsIn(link.sent.join(''))).toEqual(['p2'])
    // The server repeats what the page had not confirmed.
    for (let number = count + 1; number <= 4; number++) link.receive(stanza(number))
    back.receive(ack(4))
    back.receive(stanza('p3'))
    link.say(`<a ${sm} h='3'/>`)
    back.receive(request)
    expect(back.sent.at(-1)).toBe(ack(3))
    expect(next.registry.size).toBe(1)
  })

  test('gets nothing more when sessions are about to move, so that it can acknowledge all', async () => {
    const { bench, client, socket } = await counting(1)
    expect(bench.registry.stopDeliveries()).toBe(true)
    await bench.server(() => client.link.receive(stanza(2)))
    socket.receive(ack(1))
    expect(bench.registry.stopDeliveries()).toBe(false)
    expect(idsIn(socket.sent.join(''))).toEqual(['1'])
    const { next, page } = await goesOn({ bench, client }, about)
    const resumed = await next.resume(page)
    expect(idsIn((await resumed.next()).reply!.body)).toEqual(['2'])
  })

  test('that has acknowledged stanzas does not get them again at the next process', async () => {
    const { bench, client, socket } = await counting(3)
    socket.receive(ack(2))
    const { next } = await goesOn({ bench, client }, about)
    const resumed = next.registry.byId(client.id)!.resume({ seconds: 120, attachBinding: 'off' })
    expect(resumed?.delivered).toBe(2)
  })

  test('that does not return: its session ends at the time limit', async () => {
    const { told, tellEvent } = portal()
    const { bench, client } = await resumable(new BoshBench({}, undefined, about))
    attachPageSilently(bench, client.token!).receive(enable)
    await bench.pass(50)
    const { next, resumes } = await goesOn({ bench, client }, { ...about, tellEvent })
    await resumes()
    expect(next.registry.byId(client.id)!.view).toMatchObject({ state: 'quiet', transport: 'websocket' })
    await next.pass(89)
    expect(told).toEqual([])
    await next.pass(2)
    expect(told).toEqual(['session.ended inactivity'])
    await expectEmpty(next)
  })
})

describe('the log of mended links', () => {
  const mended = ({ logged }: BoshBench) => logged.filter(line => line.includes('a link to a server was mended')).length

  test('does not count the resumption after a move, but counts a link that breaks later', async () => {
    const { bench, client } = await resumable()
    const { next, resumes } = await goesOn({ bench, client })
    const link = await resumes()
    await next.pass(61)
    expect(mended(next)).toBe(0)
    await next.server(() => link.end(lost))
    await resumes()
    await next.pass(61)
    expect(mended(next)).toBe(1)
  })

  test('counts a link that broke before the move and is mended after it', async () => {
    const { bench, client } = await resumable()
    client.link.end(lost)
    const one = await goesOn({ bench, client })
    const two = await goesOn({ bench: one.next, client: one.page })
    await two.resumes()
    await two.next.pass(61)
    expect([mended(one.next), mended(two.next)]).toEqual([0, 1])
  })
})

test('a session whose link is being mended during a move ends at the same time as without a move, and its page gets errors for unacknowledged stanzas', async () => {
  const { bench, client } = await resumable()
  await client.next(message('1'))
  client.link.end(lost)
  await bench.pass(20)
  const one = await goesOn({ bench, client }, { milliseconds: 10_000 })
  await one.next.pass(10)
  const two = await goesOn({ bench: one.next, client: one.page })
  await two.page.next()
  await two.next.pass(19)
  const held = await two.page.next()
  expect(held.reply).toBeUndefined()
  await two.next.pass(2)
  expect(held.reply?.body).toContain('<remote-server-timeout ')
  await two.page.next()
  await expectEmpty(two.next)
})

test('the credentials for mending links are wiped by the process that set the session down, and by the next process at the end', async () => {
  const { bench, client, mending } = await resumable()
  const { next, mending: taken } = await goesOn({ bench, client })
  expect([mending.wiped, taken.wiped, client.link.how]).toEqual([1, 0, 'cut'])
  next.registry.endAllSilently()
  expect(taken.wiped).toBe(1)
})

test('sessions that were in a sealed file go on, if no other process takes the file', async () => {
  const { bench, client } = await resumable()
  const next = nextBench()
  const file = { outage: 0, records: recordsOf(bench), take: () => true }
  const taken = { ...file, records: ['{}'], take: () => false }
  for (const each of [taken, file]) takeUpFile(each, record => takeUpOne(next, record), next.log)
  expect(next.registry.bySid(client.sid)?.sid).toBe(client.sid)
  expect(next.logged.map(line => JSON.parse(line))).toMatchObject([
    { msg: 'sessions of an earlier process were taken up', taken: 1, refused: 0 },
  ])
})

test('of records in a file that cannot be read, one is logged, and the others are counted', () => {
  const next = nextBench()
  takeUpFile({ outage: 0, records: ['{}', '{', '{}'], take: () => true }, () => true, next.log)
  expect(next.logged.map(line => JSON.parse(line))).toMatchObject([
    { level: 50, msg: 'a session could not be continued' },
    { msg: 'sessions of an earlier process were taken up', taken: 0, refused: 3 },
    { level: 40, refused: 3 },
  ])
})

/** A session whose server has said something about stream management. */
async function warmed(bench: BoshBench, answer?: string, mending?: FakeMending) {
  const client = await bench.warmed({ management: { mending } })
  if (answer !== undefined) client.link.say(answer)
}

test.each<[string, (bench: BoshBench) => unknown]>([
  ['while its login is under way', bench => bench.login()],
  ['without stream management', bench => bench.warmed()],
  ['before its server has enabled stream management', bench => warmed(bench, undefined, new FakeMending())],
  ['if its server refuses resumption', bench => warmed(bench, `<enabled ${sm}/>`, new FakeMending())],
  ['if it has no credentials for another login', bench => warmed(bench, enabledByServer)],
  ['if its client has logged in itself', bench => bench.welcome()],
  [
    'after it has ended, although its page does not have the end yet',
    async bench => {
      const { client } = await resumable(bench)
      bench.registry.byId(client.id)!.end('shutdown', 'afterDelivery')
    },
  ],
  [
    'if the last request of its page ends it',
    async bench => {
      const { client } = await resumable(bench)
      client.rid += 1
      await client.at(client.rid + 1, '', "type='terminate'")
      await client.at(client.rid)
    },
  ],
])('a session does not move %s', async (_when, act) => {
  const bench = new BoshBench()
  await act(bench)
  expect(recordsOf(bench)).toEqual([])
})

describe('the record of a moving session', () => {
  test('for a domain that is not served is refused, and leaves no session', async () => {
    const { bench } = await resumable(new BoshBench({}, undefined, about))
    const next = nextBench({}, about, ['other.example'])
    const mending = new FakeMending()
    const [text] = recordsOf(bench)
    expect(takeUpOne(next, JSON.parse(text!), mending)).toBe(false)
    expect(next.counts.unknownHosts).toBe(1)
    await expectEmpty(next)
    expect(mending.attempts).toEqual([])
  })

  test('that cannot be parsed leaves no session, and the next record is read', async () => {
    const { bench } = await resumable(new BoshBench({}, undefined, about))
    await resumable(bench)
    const [first, second] = recordsOf(bench).map(text => JSON.parse(text) as SessionRecord)
    const next = nextBench({}, about)
    const broken = { ...first!, client: { type: 'none' } }
    expect([takeUpOne(next, broken), takeUpOne(next, second!)]).toEqual([false, true])
    expect([next.registry.size, next.registry.tickets.size]).toEqual([1, 1])
    next.registry.endAllSilently()
    await expectEmpty(next)
  })

  test('that needs more memory than is free ends its session', async () => {
    const { bench, client } = await resumable()
    for (let number = 0; number < 5; number++) client.link.receive(message('x'.repeat(50_000)))
    await client.next(message('y'.repeat(50_000)))
    const next = nextBench({}, { mostWaiting: 200_000 })
    const [mending] = takeUpAt(next, recordsOf(bench))
    await next.pass(0)
    expect(next.counts.sessionsEnded.limit).toBe(1)
    expect(mending!.attempts[0]!.caller.aborted).toBe(true)
    const late = mending!.attempts[0]!.succeed()
    await next.pass(0)
    expect(late.closed).toBe(true)
    await expectEmpty(next)
    await expectEmpty(bench)
  })
})
