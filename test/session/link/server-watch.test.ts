import { describe, expect, test } from '@jest/globals'
import {
  ack,
  attachPageCounting,
  benchWithTickets,
  logIn,
  newToken,
  request,
  resume,
  stanza,
} from '../../browsers/websocket/pages.js'
import { BoshBench, type Client, empty, FakeMending, lost, message, terminated } from '../../support/bosh-bench.js'
import { enabledByServer } from '../../support/next-process.js'

/** A server is pinged after a quarter of this time. In seconds. */
const patience = 60

const bench = (more = {}) => new BoshBench({}, undefined, { serverMilliseconds: patience * 1000, ...more })

/** Returns a client that has attached and polls. */
async function attached() {
  const client = await bench().warmed()
  await client.next("<presence xmlns='jabber:client'/>")
  await client.bench.server(link => link.receive(message('welcome')))
  client.link.sent.length = 0
  return client
}

const pingOf = ({ link }: Client) =>
  /^<iq xmlns='jabber:client' type='get' id='([\w-]{22})' to='chat\.example'><ping xmlns='urn:xmpp:ping'\/><\/iq>$/.exec(
    link.sent.at(-1) ?? '',
  )?.[1]

/** The client asks, its server does not answer, and is pinged. */
async function pinged(client: Client) {
  const poll = await client.next(message('anyone there?'))
  await client.bench.pass(15)
  return { poll, id: pingOf(client)! }
}

const answer = (id: string, attributes = "type='result'") => `<iq xmlns='jabber:client' id='${id}' ${attributes}/>`

describe('a server that reads but does not answer', () => {
  test('is pinged, and its session ends with remote-stream-error, and a line in the log', async () => {
    const client = await attached()
    const poll = await client.next(message('anyone there?'))
    await client.bench.pass(14.5)
    expect(client.link.sent).toEqual([message('anyone there?')])
    const second = await client.next(message('hello?'))
    await client.bench.pass(0.5)
    expect(pingOf(client)).toBeDefined()
    expect(poll.reply?.body).toBe(empty)
    await client.bench.pass(50)
    const third = await client.next(message('still there?'.repeat(1_000)))
    expect(second.reply?.body).toBe(empty)
    await client.bench.pass(9.5)
    expect(third.reply).toBeUndefined()
    await client.bench.pass(1)
    expect(third.reply?.body).toBe(terminated('remote-stream-error'))
    expect(client.link.closed).toBe(true)
    expect(client.bench.registry.size).toBe(0)
    expect(client.bench.counts.sessionsEnded['connection-lost']).toBe(1)
    const [line] = client.bench.logged
    expect(JSON.parse(line!)).toMatchObject({ level: 40, session: client.id, domain: 'chat.example' })
    expect(client.bench.logged).toHaveLength(1)
  })

  test.each([
    ['x', 1, 50],
    ['€', 1, 50],
    ['x', 20, 300],
  ])('gets time to read the bytes sent before the ping (%s, %d messages: %d s)', async (text, count, seconds) => {
    const client = await attached()
    await client.next(message(text.repeat(100_000 / Buffer.byteLength(text))).repeat(count))
    for (let passed = 5; passed < 15 + patience + seconds; passed += 5) {
      await client.bench.pass(5)
      await client.next()
    }
    expect(client.link.closed).toBe(false)
    await client.bench.pass(11)
    expect(client.link.closed).toBe(true)
  })
})

describe('a server that answers a ping', () => {
  test.each([
    ['a result', "type='result' to='juliet@chat.example/balcony'"],
    ['a result in the name of the server', "type='result' from='chat.example'"],
    ['a result in the name of the account', "type='result' from='juliet@chat.example'"],
    ['an error of a server without pings', "type='error' from='chat.example'"],
  ])('with %s ends the wait, and the page does not get the answer', async (_, attributes) => {
    const client = await attached()
    const { poll, id } = await pinged(client)
    await client.bench.server(link => link.say(answer(id, attributes)))
    expect(poll.reply).toBeUndefined()
    client.link.sent.length = 0
    await client.bench.pass(30)
    expect(client.link.sent).toEqual([])
    // Only the first answer is removed.
    await client.bench.server(link => link.say(answer(id, attributes)))
    expect(poll.reply?.body).toContain(id)
  })

  test('may answer two at once', async () => {
    const client = await attached()
    const ids = [(await pinged(client)).id]
    await client.bench.server(link => link.receive(message('busy')))
    const { poll, id } = await pinged(client)
    ids.push(id)
    await client.bench.server(link => ids.map(each => link.say(answer(each))))
    expect(poll.reply).toBeUndefined()
  })

  test('may send a request with the same id, which the page gets', async () => {
    const client = await attached()
    const { poll, id } = await pinged(client)
    await client.bench.server(link => link.say(answer(id, "type='get' from='chat.example'")))
    expect(poll.reply?.body).toContain(id)
  })

  test('is not pinged while it sends, or if nothing was sent to it', async () => {
    const client = await attached()
    await client.bench.pass(50)
    await client.next()
    for (let time = 0; time < 6; time++) {
      await client.next(message('you say'))
      await client.bench.pass(10)
      await client.bench.server(link => link.receive(message('I say')))
    }
    await client.bench.pass(50)
    await client.next()
    await client.bench.pass(50)
    expect(new Set(client.link.sent)).toEqual(new Set([message('you say')]))
    expect(client.link.closed).toBe(false)
  })

  test('has time to process waiting data before it must answer', async () => {
    const client = await attached()
    await client.next(message('anyone there?'))
    client.link.backlog = 1000
    for (let time = 0; time < 4; time++) {
      await client.bench.pass(50)
      await client.next()
    }
    expect(client.link.sent).toEqual([message('anyone there?')])
    client.link.backlog = 0
    await client.bench.pass(16)
    expect(pingOf(client)).toBeDefined()
    expect(client.link.closed).toBe(false)
  })
})

test('a server that the service does not read is not disconnected', async () => {
  const client = await bench({ maxQueueElements: 2 }).warmed()
  await client.next("<presence xmlns='jabber:client'/>", "pause='300'")
  await client.bench.server(link => link.receive(message('one'), message('two'), message('three')))
  expect(client.link.paused).toBe(true)
  await client.next(message('anyone there?'), "pause='300'")
  await client.bench.pass(200)
  expect(client.link.closed).toBe(false)
})

test('a page gets no error for a ping of the service whose link is lost', async () => {
  const client = await bench().warmed({ management: { mending: undefined } })
  const { id } = await pinged(client)
  const poll = await client.next()
  await client.bench.server(link => link.end(lost))
  expect(poll.reply?.body).toContain('remote-server-timeout')
  expect(poll.reply?.body).not.toContain(id)
})

describe('a client that logs in itself', () => {
  const sm = 'urn:xmpp:sm:3'

  async function loggedIn() {
    const client = await bench().session()
    await client.bench.server(link => link.bind())
    await client.next()
    client.link.sent.length = 0
    return client
  }

  test('has no pings sent to its server before the login', async () => {
    const client = await bench().session()
    await client.next(message('let me in'))
    await client.bench.pass(50)
    expect(client.link.sent).toEqual([message('let me in')])
  })

  test('has no pings sent to its server while it counts stanzas', async () => {
    const client = await loggedIn()
    await client.next(`<enable xmlns='${sm}'/>`)
    await client.bench.pass(40)
    expect(client.link.sent).toEqual([`<enable xmlns='${sm}'/>`])
    await client.bench.server(link => link.say(`<enabled xmlns='${sm}'/>`))
    await client.next(`<enable xmlns='${sm}'/>`)
    await client.bench.server(link => link.say(`<failed xmlns='${sm}'/>`))
    await client.next(message('anyone there?'))
    const poll = await client.next()
    await client.bench.pass(15)
    expect(client.link.sent.at(-1)).toBe(`<r xmlns='${sm}'/>`)
    await client.bench.server(link => link.say(`<a xmlns='${sm}' h='1'/>`))
    expect(poll.reply?.body).toContain(`<a xmlns='${sm}' h='1'/>`)
    await client.next(message('hello?'))
    await client.bench.pass(15)
    await client.next()
    await client.bench.pass(patience + 1)
    expect(client.link.closed).toBe(true)
  })

  test.each([
    [`<r xmlns='${sm}'/>`, ''],
    [`<enable xmlns='urn:xmpp:carbons:2'/>`, ''],
    [`<enable xmlns='${sm}'/>`, `<failed xmlns='${sm}'/>`],
  ])('has its server pinged if %s and the answer «%s» enable no stream management', async (sent, said) => {
    const client = await loggedIn()
    await client.next(sent)
    if (said !== '') await client.bench.server(link => link.say(said))
    expect((await pinged(client)).id).toBeDefined()
  })

  test('has its session ended if its server never answers <enable/>', async () => {
    const client = await loggedIn()
    await client.next(`<enable xmlns='${sm}'/>`)
    await client.next(message('anyone there?'))
    await client.bench.pass(15)
    await client.next(message('hello?'))
    await client.bench.pass(patience - 1)
    const poll = await client.next()
    expect(client.link.closed).toBe(false)
    await client.bench.pass(2)
    expect(client.link.closed).toBe(true)
    expect(poll.reply?.body).toBe(terminated('remote-stream-error'))
    expect(client.link.sent.join('')).not.toContain('ping')
  })

  test('gets the answer to an earlier ping after it has enabled stream management', async () => {
    const client = await loggedIn()
    const { id } = await pinged(client)
    await client.next(`<enable xmlns='${sm}'/>`)
    const poll = await client.next()
    await client.bench.server(link => link.say(`<enabled xmlns='${sm}'/>`))
    expect(poll.reply?.body).toContain('<enabled')
    const last = await client.next()
    await client.bench.server(link => link.say(answer(id)))
    expect(last.reply?.body).toContain(id)
  })

  test('may enable stream management with its login', async () => {
    const client = await bench().session()
    const told = '<authorization-identifier>juliet@chat.example/balcony</authorization-identifier>'
    const bound = `<bound xmlns='urn:xmpp:bind:0'><enabled xmlns='${sm}'/></bound>`
    await client.bench.server(link => link.say(`<success xmlns='urn:xmpp:sasl:2'>${told}${bound}</success>`))
    await client.next(message('anyone there?'))
    await client.bench.pass(15)
    expect(client.link.sent.at(-1)).toBe(`<r xmlns='${sm}'/>`)
  })
})

/** The service pings the server, which answers late that it counts stanzas. Returns the ping's id. */
async function pingedBeforeEnabled(bench: BoshBench, { link }: Client): Promise<string> {
  await bench.pass(11)
  await bench.pass(1)
  const id = / id='([^']+)' to=/.exec(link.sent.find(text => text.includes('urn:xmpp:ping'))!)![1]!
  await bench.server(() => link.say(enabledByServer))
  return id
}

test('the answer to the ping of the service confirms no stanza that waits', async () => {
  const bench = new BoshBench({}, undefined, { serverMilliseconds: 40_000 })
  const page = await bench.warmed({ management: { mending: new FakeMending() } })
  await page.next(message('x'))
  const id = await pingedBeforeEnabled(bench, page)
  await bench.server(() => page.link.receive(message('a')))
  await bench.server(() => page.link.receive(message('b')))
  await bench.server(() => page.link.receive(`<iq xmlns='jabber:client' type='result' id='${id}'/>`))
  await bench.server(() => page.link.say(request))
  await bench.pass(2.25)
  expect(page.link.sent.at(-1)).toBe(ack(0))
})

test('a page repeats what was sent before and after a ping of the service: it is sent once', async () => {
  const bench = benchWithTickets({ serverMilliseconds: 40_000 })
  const page = await bench.warmed({ management: { mending: new FakeMending() } })
  const { socket, id } = attachPageCounting(bench, page.token!)
  socket.receive(stanza('p1'))
  await pingedBeforeEnabled(bench, page)
  socket.receive(stanza('p2'))
  socket.leave()
  const back = logIn(bench, await newToken(bench, page))
  back.receive(resume(id, 0))
  for (const name of ['p1', 'p2']) back.receive(stanza(name))
  const sent = page.link.sent.join('')
  expect([sent.split(`id='p1'`).length - 1, sent.split(`id='p2'`).length - 1]).toEqual([1, 1])
})
