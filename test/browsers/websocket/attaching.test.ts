import { randomBytes } from 'node:crypto'
import { describe, expect, jest, test } from '@jest/globals'
import type { SocketRoutes } from '../../../src/browsers/websocket/socket-routes.js'
import { Rate } from '../../../src/lib/limits/rates.js'
import type { BoshBench } from '../../support/bosh-bench.js'
import { type AttachOptions, close, connectPage, type FakeWebSocket, open } from '../../support/fake-web-socket.js'
import * as pages from './pages.js'
import { attachPage, benchWithTickets, newToken, notAuthorized, streamError, warmedWithTickets } from './pages.js'

const sasl2Failure = (condition: string) =>
  `<failure xmlns='urn:xmpp:sasl:2'><${condition} xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/></failure>`

/** A page that has opened its stream. Earlier messages are removed from `sent`. */
function opened(bench: BoshBench, options?: AttachOptions, to?: string): FakeWebSocket {
  const socket = connectPage(bench, options)
  socket.receive(open(to))
  socket.sent.length = 0
  return socket
}

describe('a stream of a page', () => {
  test('offers only the mechanisms for tokens', () => {
    const socket = connectPage(benchWithTickets())
    socket.receive(open())
    const [opening, features] = socket.sent
    expect(opening).toMatch(/^<open xmlns='[^']+' version='1.0' from='chat.example' id='[\w-]+' xml:lang='en'\/>$/)
    const names = [...features!.matchAll(/<mechanism>([^<]*)/g)].map(([, name]) => name)
    expect(names).toEqual(['PLAIN', 'PLAIN', 'HT-SHA-256-NONE'])
    expect(features).not.toMatch(/starttls|session|SCRAM/)
  })

  test.each([
    ['with another domain', open('other.example'), 'host-unknown'],
    ['without a domain', open(''), 'improper-addressing'],
    ['of another XMPP version', open().replace("'1.0'", "'2.0'"), 'unsupported-version'],
    ['that begins with a stanza', pages.stanza('a'), 'invalid-namespace'],
  ])('%s is refused', (_what, sent, condition) => {
    const socket = connectPage(benchWithTickets())
    socket.receive(sent)
    expect(socket.sent).toEqual([expect.stringMatching(/^<open /), streamError(condition), close])
  })

  const session =
    "<iq xmlns='jabber:client' type='set' id='s'><session xmlns='urn:ietf:params:xml:ns:xmpp-session'/></iq>"

  test.each([
    ['a stanza before the login', false, pages.stanza('a')],
    ['a stanza before the bind request', true, pages.stanza('a')],
    ['a response before a login', false, "<response xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>"],
    ['a session request instead of a bind request', true, session],
  ])('with %s is refused', async (_what, hasToken, sent) => {
    const { bench, client } = await warmedWithTickets()
    const socket = opened(bench)
    if (hasToken) socket.receive(pages.authenticate(client.token!, undefined, false))
    socket.receive(sent)
    expect(socket.sent.slice(-2)).toEqual([streamError('not-authorized'), close])
    expect(client.link.sent).toEqual([])
  })

  test('whose page has closed it while its session was looked for leaves the token as it is', async () => {
    const { bench, client } = await warmedWithTickets()
    const found: ((place: 'here') => void)[] = []
    const routes = { find: () => new Promise(resolve => found.push(resolve)), forward() {}, stay() {} }
    const socket = connectPage(bench, { routes: routes as unknown as SocketRoutes })
    const resume = socket.resume.bind(socket)
    // `ws` reads a close frame that waits after `resume`.
    socket.resume = () => {
      resume()
      process.nextTick(() => socket.leave())
    }
    const { registry } = bench
    const byTicket = registry.byTicket.bind(registry)
    registry.byTicket = () => undefined
    socket.receive(open())
    socket.receive(pages.authenticate(client.token!))
    registry.byTicket = byTicket
    found[0]!('here')
    for (let turn = 0; turn < 3; turn++) await new Promise(setImmediate)
    expect(attachPage(bench, client.token!).sent).toEqual([])
  })

  test('is copied no longer, for another process, once it has logged in', async () => {
    const { bench, client } = await warmedWithTickets()
    const stay = jest.fn()
    const socket = connectPage(bench, { routes: { stay } as unknown as SocketRoutes })
    socket.receive(open())
    expect(stay).not.toHaveBeenCalled()
    socket.receive(pages.authenticate(client.token!))
    expect(stay).toHaveBeenCalledTimes(1)
  })

  test('is told so if it has sent more than can be handed over to another process', async () => {
    const bench = benchWithTickets()
    const elsewhere = { link: {}, name: 'other' }
    const routes = { find: () => Promise.resolve(elsewhere), forward: () => false, stay() {} }
    const socket = connectPage(bench, { routes: routes as unknown as SocketRoutes })
    socket.receive(open())
    socket.receive(pages.authenticate(randomBytes(32).toString('base64url')))
    await new Promise(setImmediate)
    expect(socket.sent.slice(-2)).toEqual([streamError('policy-violation'), close])
  })

  test('ends after 30 seconds without a login', async () => {
    const bench = benchWithTickets()
    const socket = opened(bench)
    await bench.pass(30)
    expect(socket.sent).toEqual([streamError('connection-timeout'), close])
    socket.leave()
    expect(bench.clock.pending).toBe(0)
  })

  test('accepts only short messages, whose children inherit little, before it has a session', async () => {
    const { bench, client } = await warmedWithTickets()
    const long = 'x'.repeat(20_000)
    const inheriting = `xmlns:p='${'&amp;'.repeat(80)}'>${'<p:é/>'.repeat(1_500)}</authenticate>`
    const sent = [
      [open(long)],
      [open(), `<authenticate xmlns='urn:xmpp:sasl:2' ${inheriting}`],
      [open(), pages.auth(long)],
      [open(), pages.authenticate(client.token!, undefined, false), pages.bind.replace('mine', long)],
    ]
    for (const messages of sent) {
      const socket = connectPage(bench)
      for (const message of messages) socket.receive(message)
      expect(socket.sent.slice(-2)).toEqual([streamError('policy-violation'), close])
    }
  })

  test('may be restarted for the same domain only', async () => {
    const { bench, client } = await warmedWithTickets({}, ['chat.example', 'other.example'])
    const socket = opened(bench)
    socket.receive(pages.auth(client.token!))
    socket.receive(open('other.example'))
    expect(socket.sent.slice(-2)).toEqual([streamError('host-unknown'), close])
  })
})

describe('a token', () => {
  test("over SASL is followed by a new stream, in which any requested resource gets the session's own", async () => {
    const { bench, client } = await warmedWithTickets()
    const socket = opened(bench)
    socket.receive(pages.auth(client.token!))
    expect(socket.sent).toEqual(["<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>"])
    socket.receive(open())
    expect(socket.sent[1]).toMatch(/^<open /)
    expect(socket.sent[2]).toContain("<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/><sm xmlns='urn:xmpp:sm:3'/>")
    socket.receive(pages.bind)
    expect(socket.sent.slice(3)).toEqual([
      "<iq xmlns='jabber:client' type='result' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>juliet@chat.example/balcony</jid></bind></iq>",
    ])
  })

  test.each([true, false])('is followed by the client states of the server, if it has these: %s', async isInline => {
    const { bench, client } = await warmedWithTickets()
    client.link.facts = { ...client.link.facts, ...{ offersClientStates: true } }
    const socket = opened(bench)
    socket.receive(isInline ? pages.authenticate(client.token!) : pages.auth(client.token!))
    if (!isInline) socket.receive(open())
    expect(socket.sent.at(-1)).toMatch(/<stream:features .*<sm [^>]+><csi xmlns='urn:xmpp:csi:0'\/><\/stream:features>/)
  })

  test('sent as a hash (HT-SHA-256-NONE) is answered with the service’s own proof', async () => {
    const { bench, client } = await warmedWithTickets()
    const socket = opened(bench)
    socket.receive(pages.authenticateHashed(client.token!, "<bind xmlns='urn:xmpp:bind:0'/>"))
    expect(socket.sent[0]).toBe(
      `<success xmlns='urn:xmpp:sasl:2'><additional-data>${pages.proofBy(client.token!, 'Responder').toString('base64')}</additional-data>` +
        "<authorization-identifier>juliet@chat.example/balcony</authorization-identifier><bound xmlns='urn:xmpp:bind:0'/></success>",
    )
    expect(socket.sent[1]).toContain("<sm xmlns='urn:xmpp:sm:3'/>")
    expect(socket.sent[1]).not.toContain('bind')
  })

  test('works if a page sends all its messages without waiting for answers', async () => {
    const { bench, client } = await warmedWithTickets()
    const socket = connectPage(bench)
    for (const message of [open(), pages.auth(client.token!), open(), pages.bind, pages.enable, pages.stanza('a')])
      socket.receive(message)
    expect(socket.sent.at(-1)).toMatch(/^<enabled /)
    expect(client.link.sent).toEqual([pages.stanza('a')])
  })

  const sessionOf = ({ registry }: BoshBench) => registry.byId([...registry.list()][0]!.id)!

  test.each<[string, (bench: BoshBench, token: string) => string | void | Promise<void>]>([
    ['was never issued', () => 'A'.repeat(43)],
    ['is empty', () => ''],
    ['is the id of a session', bench => sessionOf(bench).id],
    ['was used', (bench, token) => void attachPage(bench, token)],
    ['was used by a page that disconnected before its bind', (bench, token) => pages.logIn(bench, token).leave()],
    ['has expired', bench => bench.pass(120)],
    ['is not the last of its session', bench => void sessionOf(bench).resume({ seconds: 60, attachBinding: 'off' })],
    ['belongs to an ended session', bench => sessionOf(bench).end('logout', 'loggedOut')],
    ['belongs to a failed session', bench => sessionOf(bench).fail(new Error('on purpose'))],
  ])('that %s is not authorized', async (_what, spoil) => {
    const { bench, client } = await warmedWithTickets()
    const shown = (await spoil(bench, client.token!)) ?? client.token!
    const socket = opened(bench)
    for (const login of [pages.auth(shown), pages.authenticate(shown), pages.authenticateHashed(shown)]) {
      socket.receive(login)
      await bench.pass(0)
    }
    expect(socket.sent).toEqual([notAuthorized, sasl2Failure('not-authorized'), sasl2Failure('not-authorized')])
  })

  test('of another user or domain is not authorized, and stays valid', async () => {
    const { bench, client } = await warmedWithTickets({}, ['chat.example', 'other.example'])
    const sent: [FakeWebSocket, string][] = [
      [opened(bench), pages.auth(client.token!, 'romeo')],
      [opened(bench), pages.auth(client.token!, 'juliet@other.example')],
      [opened(bench, {}, 'other.example'), pages.auth(client.token!)],
    ]
    for (const [socket, message] of sent) {
      socket.receive(message)
      await bench.pass(0)
      expect(socket.sent).toEqual([notAuthorized])
    }
    attachPage(bench, client.token!)
  })

  test('of a session that has used TLS is rejected without TLS, also if its page has logged in before', async () => {
    const { bench, client } = await warmedWithTickets()
    const early = pages.logIn(bench, client.token!, { secure: false })
    await client.next()
    early.receive(pages.bind)
    expect(early.sent.slice(-2)).toEqual([streamError('conflict'), close])
    const token = await newToken(bench, client)
    const socket = opened(bench, { secure: false })
    socket.receive(pages.auth(token))
    await bench.pass(0)
    expect(socket.sent).toEqual([notAuthorized])
    attachPage(bench, token)
  })

  test.each<[string, readonly string[]]>([
    ['a resource', [pages.bind]],
    ['an earlier stream to resume', [pages.resume('x', 0)]],
  ])('does not give a page %s after another page has attached over BOSH', async (_what, sent) => {
    const { bench, client } = await warmedWithTickets()
    const { socket: before, id } = pages.attachPageCounting(bench, client.token!)
    before.leave()
    const again = await bench.resume(client)
    const late = pages.logIn(bench, again.token!)
    const held = await again.next(pages.stanza('a'))
    for (const message of sent) late.receive(message.replace("'x'", `'${id}'`))
    expect(late.sent.slice(-2)).toEqual([streamError('conflict'), close])
    expect(held.reply).toBeUndefined()
    await bench.server(link => link.receive(pages.stanza(1)))
    expect(held.reply?.body).toContain(pages.stanza(1))
    expect(client.link.sent).toEqual([pages.stanza('a')])
  })

  test('gives a page nothing after its portal has resumed the session for another page', async () => {
    const { bench, client } = await warmedWithTickets()
    const late = pages.logIn(bench, client.token!)
    const token = await newToken(bench, client)
    late.receive(pages.bind)
    expect(late.sent.slice(-2)).toEqual([streamError('conflict'), close])
    attachPage(bench, token)
  })

  test('is deleted when it becomes useless', async () => {
    const bench = benchWithTickets()
    const { tickets } = bench.registry
    const clients = [await bench.warmed(), await bench.warmed(), await bench.warmed(), await bench.warmed()]
    expect(tickets.size).toBe(4)
    await bench.resume(clients[0]!)
    expect(tickets.size).toBe(4)
    attachPage(bench, clients[1]!.token!)
    expect(tickets.size).toBe(3)
    await clients[2]!.next()
    expect(tickets.size).toBe(2)
    bench.registry.byId(clients[3]!.id)!.end('logout', 'loggedOut')
    expect(tickets.size).toBe(1)
    await bench.pass(121)
    expect(tickets.size).toBe(0)
  })

  test('is found without a search through all the sessions of its user', async () => {
    const bench = benchWithTickets()
    for (let sessions = 0; sessions < 300; sessions++) await bench.warmed()
    const looks = [jest.spyOn(bench.registry, 'ofJid'), jest.spyOn(bench.registry, 'liveOf')]
    const socket = opened(bench)
    socket.receive(pages.auth('wrong'))
    await bench.pass(0)
    expect(socket.sent).toEqual([notAuthorized])
    for (const looked of looks) expect(looked).not.toHaveBeenCalled()
  })
})

describe('wrong tokens', () => {
  test('from an address delay later wrong tokens from it, but no right tokens and no other addresses', async () => {
    const { bench, client } = await warmedWithTickets()
    const wrongTokens = new Rate(10, 60)
    /** The answer to a wrong token on a new connection. */
    const show = async (address: string) => {
      const socket = opened(bench, { address, wrongTokens })
      socket.receive(pages.auth('wrong'))
      await bench.pass(0)
      return socket.sent
    }
    const mallory = '192.0.2.66'
    for (let time = 0; time < 10; time++) expect(await show(mallory)).toEqual([notAuthorized])
    const late = await show(mallory)
    expect(late).toEqual([])
    await bench.pass(1.5)
    expect(late).toEqual([])
    await bench.pass(0.5)
    expect(late).toEqual([notAuthorized])
    expect(bench.counts.refused['wrong-tokens']).toBe(1)
    expect(await show('192.0.2.7')).toEqual([notAuthorized])
    // All addresses of an IPv6 network count as one address.
    for (let time = 0; time < 10; time++) expect(await show(`2001:db8::${time}`)).toEqual([notAuthorized])
    expect(await show('2001:db8::1')).toEqual([])
    attachPage(bench, client.token!, { address: '192.0.2.66', wrongTokens })
  })

  test.each([
    ['a wrong token', pages.auth('wrong'), notAuthorized],
    ['another failure', pages.auth('wrong').replace('PLAIN', 'NONE'), expect.stringContaining('invalid-mechanism')],
  ])('are read five times on one connection, and then not even a right one: %s', async (_what, wrong, answer) => {
    const { bench, client } = await warmedWithTickets()
    const socket = opened(bench)
    for (let time = 0; time < 5; time++) {
      socket.receive(wrong)
      await bench.pass(0)
    }
    socket.receive(pages.auth(client.token!))
    await bench.pass(0)
    expect(socket.sent).toEqual([...Array(5).fill(answer), streamError('policy-violation'), close])
  })

  test('cannot be sent without waiting for answers', async () => {
    const { bench, client } = await warmedWithTickets()
    const socket = opened(bench)
    socket.receive(pages.auth('wrong'))
    expect(socket.isPaused).toBe(true)
    socket.receive(pages.auth(client.token!))
    await bench.pass(0)
    expect(socket.sent).toEqual([streamError('policy-violation'), close])
    // The token still works.
    attachPage(bench, client.token!)
  })
})

test('no token is issued if WebSocket is off for pages, or sessions are bound to one browser', async () => {
  const bench = benchWithTickets({ issuesTickets: false })
  expect((await bench.warmed()).token).toBeUndefined()
  const binding = benchWithTickets()
  for (const attachBinding of ['cookie', 'reply'] as const) {
    const client = await binding.warmed({ attachBinding })
    expect(client.token).toBeUndefined()
    expect((await binding.resume(client, { attachBinding })).token).toBeUndefined()
  }
  expect(binding.registry.tickets.size).toBe(0)
})
