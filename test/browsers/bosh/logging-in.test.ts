// `mallory` logs in herself, and tries to get the sessions of `victim`.
import { describe, expect, test } from '@jest/globals'
import { userRoom } from '../../../src/session/limits/user-room.js'
import {
  auth,
  authenticate,
  BoshBench,
  bindRequest,
  type Client,
  FakePeer,
  message,
  payload,
  restart,
  terminated,
} from '../../support/bosh-bench.js'
import { countSteps } from '../../support/steps.js'
import { noLimits, noSessionLimits } from '../../support/unlimited.js'

const bind = 'urn:ietf:params:xml:ns:xmpp-bind'
const sasl = 'urn:ietf:params:xml:ns:xmpp-sasl'
const success = `<success xmlns='${sasl}'/>`
const victim = 'victim@chat.example/desk'
const own = 'mallory@chat.example/x'

const bindResult = (jid: string, attributes = "type='result' id='b'") =>
  `<iq xmlns='jabber:client' ${attributes}><bind xmlns='${bind}'><jid>${jid}</jid></bind></iq>`

const resume = (id = 'unknown') => `<resume xmlns='urn:xmpp:sm:3' previd='${id}' h='0'/>`
const resumed = (id = 'unknown') => `<resumed xmlns='urn:xmpp:sm:3' previd='${id}' h='0'/>`

/** A client that has logged in and restarted its stream. */
async function inside(bench = new BoshBench()): Promise<Client> {
  const client = await bench.welcome()
  await client.next('', restart)
  await bench.server(link => link.open(`<bind xmlns='${bind}'/>`))
  return client
}

const jids = ({ registry }: BoshBench) => [...registry.list()].map(({ jid }) => jid)

describe('before its login, a client sends', () => {
  const inheriting = (name: string, attributes: string, child: string) =>
    `<${name} ${attributes} xmlns:p='${'&amp;'.repeat(400)}'>${child.repeat(2_000)}</${name}>`
  const long = 'x'.repeat(16 * 1024)

  test.each([
    ['a long element', message(long)],
    ['a request whose children inherit much', inheriting('iq', "xmlns='jabber:client' type='set'", '<p:a/>')],
    ['a login whose children inherit much', inheriting('auth', `xmlns='${sasl}'`, '<p:é/>')],
    ['the same with SASL2', inheriting('authenticate', "xmlns='urn:xmpp:sasl:2'", '<p:é/>')],
  ])('no %s', async (_what, element) => {
    const bench = new BoshBench()
    const client = await bench.session(undefined, 700, new FakePeer(), '')
    let reply: string | undefined
    const steps = countSteps(() => {
      client.next(element).then(peer => {
        reply = peer.reply?.body
      })
    })
    await bench.pass(1)
    expect(reply).toBe(terminated('policy-violation'))
    expect(client.link.sent).toEqual([])
    expect(steps).toBeLessThan(8 * element.length + 20_000)
  })

  test('no such login after another login', async () => {
    const bench = new BoshBench()
    const client = await bench.welcome()
    const { reply } = await client.next(
      inheriting('authenticate', "xmlns='urn:xmpp:sasl:2' mechanism='PLAIN'", '<p:é/>'),
    )
    expect(reply?.body).toBe(terminated('policy-violation'))
  })

  test('a token of 12 kB', async () => {
    const bench = new BoshBench()
    const client = await bench.session(undefined, 700, new FakePeer(), '')
    const token = `<auth xmlns='${sasl}' mechanism='GSSAPI'>${Buffer.alloc(12_000).toString('base64')}</auth>`
    await client.next(token)
    expect(client.link.sent).toEqual([token])
  })
})

describe('a stream restarts', () => {
  test('once, directly after the success of the login', async () => {
    const bench = new BoshBench()
    const client = await bench.welcome()
    expect((await client.next('', restart)).reply).toBeUndefined()
    expect(client.link.restarts).toHaveLength(1)
  })

  test.each<[string, (client: Client, bench: BoshBench) => Promise<unknown>]>([
    ['requests that carry nothing', client => client.next()],
    ['time', (_client, bench) => bench.pass(50)],
    ['a pause', client => client.next('', "pause='60'")],
  ])('if only %s arrives in between', async (_what, act) => {
    const bench = new BoshBench({ maxRequests: 3 })
    const client = await bench.welcome("wait='60' hold='2' ver='1.6'")
    await act(client, bench)
    await client.next('', restart)
    expect(client.link.restarts).toHaveLength(1)
  })

  test('after a failed login', async () => {
    const bench = new BoshBench()
    const client = await bench.session(undefined, 700, new FakePeer(), auth)
    await bench.server(link => link.say(`<failure xmlns='${sasl}'><not-authorized/></failure>`))
    await client.next(auth)
    await bench.server(link => link.say(`<challenge xmlns='${sasl}'/>`))
    await client.next(`<response xmlns='${sasl}'/>`)
    await bench.server(link => link.letIn())
    await client.next('', restart)
    expect(client.link.restarts).toHaveLength(1)
  })

  test.each([
    ['that the session is for', 'chat.example'],
    ['that the session is for, written in another way', 'Chat.Example.'],
  ])('for the domain %s', async (_what, to) => {
    const client = await new BoshBench().welcome()
    await client.next('', `${restart} to='${to}'`)
    expect(client.link.restarts).toEqual([{}])
  })

  test('once, if a request with a restart is repeated', async () => {
    const client = await new BoshBench().welcome()
    await client.next('', restart)
    await client.at(client.rid, '', restart)
    expect(client.link.restarts).toHaveLength(1)
  })
})

describe('a stream does not restart, and the session ends', () => {
  /** The client's stream restart is refused. */
  async function isRefused(bench: BoshBench, client: Client, attributes = restart): Promise<void> {
    const before = client.link.restarts.length
    const { reply } = await client.next('', attributes)
    expect(reply?.body).toBe(terminated('bad-request'))
    expect(client.link.restarts).toHaveLength(before)
    expect(client.link.closed).toBe(true)
    expect(bench.registry.size).toBe(0)
  }

  test.each([
    ['nothing', ''],
    ['what asks to be let in', auth],
    ['what asks to be let in and bound', authenticate],
  ])('if the client has sent %s and was refused', async (_what, login) => {
    const bench = new BoshBench()
    await isRefused(bench, await bench.session(undefined, 700, new FakePeer(), login))
  })

  test('before the server has opened the stream', async () => {
    const bench = new BoshBench()
    const client = await bench.session(undefined, 700, new FakePeer(), '')
    const early = await bench.send(
      `<body rid='1' to='chat.example' ver='1.6' xmlns='http://jabber.org/protocol/httpbind'>${auth}</body>`,
    )
    await bench.pass(5)
    const sid = / sid='([^']+)'/.exec(early.reply!.body)![1]!
    const { reply } = await bench.send(
      `<body rid='2' sid='${sid}' ${restart} xmlns='http://jabber.org/protocol/httpbind'/>`,
    )
    expect(reply?.body).toBe(terminated('bad-request'))
    expect((await client.next()).reply).toBeUndefined()
  })

  test("if the server's next element has begun already", async () => {
    const bench = new BoshBench()
    const client = await bench.welcome()
    client.link.isBetweenElements = false
    await isRefused(bench, client)
  })

  test.each([
    ['the second time', false],
    ['the second time, before the server has answered the first', true],
  ])('%s', async (_what, isAtOnce) => {
    const bench = new BoshBench({ maxRequests: 3 })
    const client = await bench.welcome("wait='60' hold='2' ver='1.6'")
    const first = await client.next('', restart)
    if (!isAtOnce) await bench.server(link => link.open())
    await isRefused(bench, client)
    if (isAtOnce) expect(first.reply?.body).toBe(terminated('other-request'))
  })

  test.each([
    ['a stanza', message('hello')],
    ['features', '<stream:features xmlns:stream="http://etherx.jabber.org/streams"/>'],
    ['another success', success],
    ['a challenge', `<challenge xmlns='${sasl}'/>`],
    ['an answer', "<iq xmlns='jabber:client' type='result' id='1'/>"],
  ])('if the server has sent %s after the success', async (_what, said) => {
    const bench = new BoshBench()
    const client = await bench.welcome()
    await bench.server(link => link.say(said))
    await client.next()
    await isRefused(bench, client)
  })

  test.each([
    ['a stanza', message('hello')],
    ['the wish to be let in again', auth],
  ])('if the client has sent %s since', async (_what, said) => {
    const bench = new BoshBench()
    const client = await bench.welcome()
    await client.next(said)
    await isRefused(bench, client)
  })

  test('if the client has sent something before the server accepted its login', async () => {
    const bench = new BoshBench()
    const client = await bench.session(undefined, 700, new FakePeer(), auth + message('hello'))
    await bench.server(link => link.letIn())
    await client.next()
    await isRefused(bench, client)
  })

  test.each([
    ['inside of a message', `<message xmlns='jabber:client'>${success}</message>`],
    ['of another namespace', "<success xmlns='jabber:client'/>"],
    ['for a login that binds at once', "<success xmlns='urn:xmpp:sasl:2'/>"],
  ])('after a success %s', async (_what, said) => {
    const bench = new BoshBench()
    const client = await bench.session(undefined, 700, new FakePeer(), auth)
    await bench.server(link => link.say(said))
    await client.next()
    await isRefused(bench, client)
  })

  test('after a success that was not asked for', async () => {
    const bench = new BoshBench()
    const client = await bench.session()
    await bench.server(link => link.letIn())
    await client.next()
    await isRefused(bench, client)
  })

  test.each([
    ['another domain that is served', 'other.example'],
    ['a domain that is not', 'evil.example'],
    ['what is no domain', 'chat.example/x'],
    ['an empty domain', ''],
  ])('for %s', async (_what, to) => {
    const bench = new BoshBench({}, ['chat.example', 'other.example'])
    await isRefused(bench, await bench.welcome(), `${restart} to='${to}'`)
  })

  test("if the JID of the session is known: from our login, or from its client's", async () => {
    const bench = new BoshBench()
    await isRefused(bench, await bench.warmed())
    const client = await bench.session()
    await bench.server(link => link.bind())
    await client.next()
    await isRefused(bench, client)
  })
})

describe('an end takes precedence over a restart', () => {
  test('and does not count as a fault', async () => {
    const client = await new BoshBench().session()
    const { reply } = await client.next('', `${restart} type='terminate'`)
    expect(reply?.body).toBe("<body type='terminate' xmlns='http://jabber.org/protocol/httpbind'/>")
  })
})

describe('the JID of a client is known', () => {
  test.each([
    ['without a sender', ''],
    ['from the server', "from='chat.example'"],
    ['in the name of the user', "from='mallory@chat.example'"],
  ])('by the answer to its request for a resource, %s', async (_what, from) => {
    const bench = new BoshBench()
    const client = await inside(bench)
    await client.next(bindRequest())
    await bench.server(link => link.say(bindResult(own, `type='result' id='b' ${from}`)))
    expect(jids(bench)).toEqual([own])
  })

  test('from the answer that belongs to its request, if the request was sent before the features', async () => {
    const bench = new BoshBench()
    const client = await bench.welcome()
    await client.next('', restart)
    await client.next(bindRequest())
    await bench.server(link => link.open())
    await bench.server(link => link.answerBind('b', own))
    expect(jids(bench)).toEqual([own])
  })

  test('from the answer to its second request, if the first was refused', async () => {
    const bench = new BoshBench()
    const client = await inside(bench)
    await client.next(bindRequest('1') + bindRequest('2'))
    await bench.server(link => link.say("<iq xmlns='jabber:client' type='error' id='1'/>"))
    await bench.server(link => link.answerBind('2', own))
    expect(jids(bench)).toEqual([own])
  })

  test('by the success of a login that binds at once', async () => {
    const bench = new BoshBench()
    await bench.session()
    await bench.server(link => link.bind(own))
    expect(jids(bench)).toEqual([own])
  })

  test('from the answer to its request, if it logged in without a restart', async () => {
    const bench = new BoshBench()
    const client = await bench.session()
    const told = '<authorization-identifier>mallory@chat.example</authorization-identifier>'
    await bench.server(link => link.say(`<success xmlns='urn:xmpp:sasl:2'>${told}</success>`))
    expect(jids(bench)).toEqual([undefined])
    await client.next()
    await client.next(bindRequest())
    await bench.server(link => link.answerBind('b', own))
    expect(jids(bench)).toEqual([own])
  })

  test('once', async () => {
    const bench = new BoshBench()
    const client = await inside(bench)
    await client.next(bindRequest() + bindRequest('c'))
    await bench.server(link => link.answerBind('b', own))
    await bench.server(link => link.answerBind('b', victim))
    await bench.server(link => link.answerBind('c', victim))
    await client.next(bindRequest('d'))
    await bench.server(link => link.answerBind('d', victim))
    await bench.server(link => link.bind(victim))
    expect(jids(bench)).toEqual([own])
    expect(bench.registry.ofJid('victim@chat.example')).toEqual([])
  })
})

describe('the JID of a client is not known', () => {
  const from = (sender: string) => bindResult(victim, `type='result' id='b' from='${sender}'`)

  test.each([
    ['another user', from('accomplice@chat.example/y')],
    ['another session of its own', from('mallory@chat.example/y')],
    ['its own session', from(own)],
    ['its own account', from('mallory@chat.example')],
    ['another server', from('evil.example')],
    ['a room', from('room@conference.chat.example/mallory')],
  ])('by a stanza of %s in place of the answer, which still counts later', async (_what, forged) => {
    const bench = new BoshBench()
    const client = await inside(bench)
    await client.next(bindRequest())
    await bench.server(link => link.say(forged))
    expect(jids(bench)).toEqual([undefined])
    await bench.server(link => link.answerBind('b', own))
    expect(jids(bench)).toEqual([own])
  })

  test.each([
    ['that does not ask for a resource', bindRequest().replace(bind, 'urn:x')],
    [
      'that asks for it further down',
      `<iq xmlns='jabber:client' type='set' id='b'><x xmlns='x'>${bindRequest()}</x></iq>`,
    ],
    ['of another id', bindRequest('c')],
    ['inside of a message', `<message xmlns='jabber:client'>${bindRequest()}</message>`],
  ])('by the answer to a request %s', async (_what, request) => {
    const bench = new BoshBench()
    const client = await inside(bench)
    await client.next(request)
    await bench.server(link => link.answerBind('b', victim))
    expect(jids(bench)).toEqual([undefined])
  })

  test('by an answer without a request, or by a second answer', async () => {
    const bench = new BoshBench()
    const client = await inside(bench)
    await bench.server(link => link.answerBind('b', victim))
    await client.next(bindRequest())
    await bench.server(link => link.say("<iq xmlns='jabber:client' type='error' id='b'/>"))
    await bench.server(link => link.answerBind('b', victim))
    expect(jids(bench)).toEqual([undefined])
  })

  test.each([
    ['was not let in', ''],
    ['logs in without binding', auth],
  ])('by an answer or a success if the client %s', async (_what, login) => {
    const bench = new BoshBench()
    await bench.session(undefined, 700, new FakePeer(), login)
    await bench.server(link => link.answerBind('b', victim))
    await bench.server(link => link.bind(victim))
    expect(jids(bench)).toEqual([undefined])
  })

  test('by a success after a failure, or inside of a message', async () => {
    const bench = new BoshBench()
    await bench.session()
    const told = `<success xmlns='urn:xmpp:sasl:2'><authorization-identifier>${victim}</authorization-identifier></success>`
    await bench.server(link => link.say("<failure xmlns='urn:xmpp:sasl:2'/>"))
    await bench.server(link => link.say(told))
    await bench.session()
    await bench.server(link => link.say(`<iq xmlns='jabber:client' type='result' id='x'>${told}</iq>`))
    expect(jids(bench)).toEqual([undefined, undefined])
  })

  test.each([
    ['a message', message('hello')],
    ['a presence', "<presence xmlns='jabber:client' from='accomplice@chat.example/y'/>"],
    ['a stream that was resumed', "<resumed xmlns='urn:xmpp:sm:3' previd='x' h='0'/>"],
  ])('by anything after %s, because others may write to the client now', async (_what, said) => {
    const bench = new BoshBench()
    const client = await inside(bench)
    await client.next(bindRequest())
    await bench.server(link => link.say(said))
    await bench.server(link => link.answerBind('b', victim))
    expect(jids(bench)).toEqual([undefined])
  })
})

describe('a request that could log a client in without its JID does not reach the server, and ends the session', () => {
  /** Sends refused elements together with an allowed stanza. */
  async function isRefused(bench: BoshBench, client: Client, said: string): Promise<void> {
    client.link.sent.length = 0
    const { reply } = await client.next(said + message('after'))
    expect(reply?.body).toBe(terminated('policy-violation'))
    expect(client.link.sent).toEqual([])
    expect(client.link.closed).toBe(true)
    expect(bench.registry.size).toBe(0)
    expect(bench.counts.sessionsEnded['policy-violation']).toBe(1)
  }

  const padded = (iq: string, length: number) => iq.replace('</iq>', `<x xmlns='x'>${'x'.repeat(length)}</x></iq>`)

  test.each([
    ['of more than 10,000 characters', padded(bindRequest(), 10_000)],
    ['with an id of more than 1,024 characters', bindRequest('b'.repeat(1025))],
    ['without an id', bindRequest().replace("id='b'", '')],
    ['to the own account, which Prosody binds', bindRequest('b', "to='mallory@chat.example'")],
    ['to a session', bindRequest('b', "to='accomplice@chat.example/y'")],
    ['to another server', bindRequest('b', "to='evil.example'")],
    ['of another namespace, which ejabberd binds', bindRequest().replace('jabber:client', 'jabber:server')],
    ['too many', Array.from({ length: 11 }, (_, number) => bindRequest(`${number}`)).join('')],
  ])('a request for a resource: %s', async (_what, said) => {
    const bench = new BoshBench()
    await isRefused(bench, await inside(bench), said)
  })

  test.each<[string, (bench: BoshBench) => Promise<Client>]>([
    ['has not been let in', bench => bench.session(undefined, 700, new FakePeer(), '')],
    ['waits for the outcome of its login', bench => bench.session(undefined, 700, new FakePeer(), auth)],
    ['waits for the outcome of a login that binds at once', bench => bench.session()],
    ['has not opened its stream again', bench => bench.welcome()],
  ])('a request of a client that %s, for a resource or for its last stream', async (_what, come) => {
    for (const said of [bindRequest(), resume()]) {
      const bench = new BoshBench()
      await isRefused(bench, await come(bench), said)
    }
  })

  test.each([
    ['a second login', auth, auth],
    ['a second login that binds at once', auth, authenticate],
    ['a second login beside one that binds at once', authenticate, auth],
  ])('%s before the first one is over', async (_what, first, second) => {
    const bench = new BoshBench()
    await isRefused(bench, await bench.session(undefined, 700, new FakePeer(), first), second)
  })

  test('a second login of a client that is logged in', async () => {
    const bench = new BoshBench()
    await isRefused(bench, await inside(bench), auth)
  })

  test.each(['get', 'set'])('a login of XEP-0078, or the query for its fields: %s', async type => {
    const bench = new BoshBench()
    const client = await bench.session(undefined, 700, new FakePeer(), '')
    await isRefused(
      bench,
      client,
      `<iq xmlns='jabber:client' type='${type}' id='1'><query xmlns='jabber:iq:auth'/></iq>`,
    )
  })

  test('a registration still reaches the server', async () => {
    const bench = new BoshBench()
    const client = await bench.session(undefined, 700, new FakePeer(), '')
    const said = "<iq xmlns='jabber:client' type='set' id='1'><query xmlns='jabber:iq:register'/></iq>"
    await client.next(said)
    expect(client.link.sent).toEqual([said])
  })
})

test('a request for a resource of any allowed length is answered', async () => {
  const bench = new BoshBench()
  const client = await inside(bench)
  await client.next(bindRequest('&quot;'.repeat(1024)))
  const long = `mallory@chat.example/${'&quot;'.repeat(1023)}`
  await bench.server(link => link.answerBind('&quot;'.repeat(1024), long))
  expect(jids(bench)).toEqual([long.replaceAll('&quot;', '"')])
})

describe('a client that resumes its stream', () => {
  const plain = (authzid: string, user: string) => login('PLAIN', `${authzid}\0${user}\0secret`)
  const scram = (header: string, user: string) => login('SCRAM-SHA-1', `${header}n=${user},r=fyko+d2lbbFgONRv9qkxdawL`)
  const login = (mechanism: string, message: string) =>
    `<auth xmlns='${sasl}' mechanism='${mechanism}'>${Buffer.from(message).toString('base64')}</auth>`
  const failed = "<failed xmlns='urn:xmpp:sm:3'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></failed>"

  /** Mallory has logged in with this element. */
  async function insideBy(login: string, bench = new BoshBench()): Promise<Client> {
    const client = await bench.session(undefined, 700, new FakePeer(), login)
    await bench.server(link => link.letIn())
    await client.next()
    await client.next('', restart)
    await bench.server(link => link.open())
    client.link.sent.length = 0
    return client
  }

  /** Mallory has enabled stream management. */
  async function enabled(bench: BoshBench): Promise<Client> {
    const client = await inside(bench)
    await client.next(bindRequest())
    await bench.server(link => link.answerBind('b', own))
    await bench.server(link => link.say("<enabled xmlns='urn:xmpp:sm:3' id='stream-of-mallory' resume='true'/>"))
    return client
  }

  test.each([
    ['PLAIN', plain('', 'mallory')],
    ['PLAIN, acting for no other', plain('mallory@chat.example', 'Mallory')],
    ['SCRAM', scram('n,,', 'mallory')],
    ['SCRAM, acting for no other', scram('y,a=mallory@chat.example,', 'mallory')],
  ])('is known by the account of its login with %s', async (_what, login) => {
    const bench = new BoshBench()
    const client = await insideBy(login, bench)
    await client.next(resume())
    expect(client.link.sent).toEqual([resume()])
    expect(jids(bench)).toEqual([undefined])
    await bench.server(link => link.say(resumed()))
    expect(jids(bench)).toEqual(['mallory@chat.example'])
    expect(bench.registry.ofJid('mallory@chat.example/x')).toHaveLength(1)
    expect(await bench.sessions.endAll('mallory@chat.example')).toMatchObject({ ended: 1 })
    expect(client.link.closed).toBe(true)
  })

  test.each([
    ['the user', plain('', 'mallory'), 'mallory@chat.example', true],
    ['another user', plain('', 'mallory'), 'alice@chat.example', false],
    [
      'a user of its domain, if its own is in doubt',
      plain('romeo@chat.example', 'mallory'),
      'alice@chat.example',
      true,
    ],
    ['a user of another domain', plain('romeo@chat.example', 'mallory'), 'alice@other.example', false],
  ])('is over before it has bound a resource if all sessions of %s are ended', async (_what, login, jid, isOver) => {
    const bench = new BoshBench()
    const stranger = await bench.session()
    const client = await insideBy(login, bench)
    expect((await bench.sessions.endAll(jid)).ended).toBe(isOver ? 1 : 0)
    expect([client.link.closed, stranger.link.closed]).toEqual([isOver, false])
  })

  test('is known by its full JID if this process has seen the stream', async () => {
    const bench = new BoshBench()
    const first = await enabled(bench)
    const client = await insideBy(login('OAUTHBEARER', 'n,,\x01auth=Bearer b\x01\x01'), bench)
    await client.next(resume('stream-of-mallory'))
    await bench.server(link => link.say(resumed('stream-of-mallory')))
    expect(jids(bench)).toEqual([own])
    // The server has closed the first connection.
    expect(first.link.closed).toBe(true)
    expect(bench.registry.byId(client.id)?.jid).toBe(own)
  })

  test('has its full JID under the new id that its server gives the resumed stream', async () => {
    const bench = new BoshBench()
    await enabled(bench)
    const second = await insideBy(scram('n,,', 'mallory'), bench)
    await second.next(resume('stream-of-mallory'))
    await bench.server(link => link.say(resumed('the-next')))
    const third = await insideBy(scram('n,,', 'mallory'), bench)
    await third.next(resume('the-next'))
    await bench.server(link => link.say(resumed('the-last')))
    expect(jids(bench)).toEqual([own])
    expect(second.link.closed).toBe(true)
  })

  test("has room at its user's limit, if one of the user's sessions had this stream", async () => {
    const bench = new BoshBench({}, undefined, {
      room: (registry, refused) => userRoom(1, registry, refused),
    })
    await enabled(bench)
    const client = await insideBy(scram('n,,', 'mallory'), bench)
    await client.next(resume('stream-of-mallory'))
    await bench.server(link => link.say(resumed('stream-of-mallory')))
    expect([jids(bench), client.link.closed]).toEqual([[own], false])
  })

  test('ends if its user is at the limit of sessions', async () => {
    const bench = new BoshBench({}, undefined, {
      room: (registry, refused) => userRoom(1, registry, refused),
    })
    await enabled(bench)
    const client = await insideBy(scram('n,,', 'mallory'), bench)
    const poll = await client.next(resume())
    await bench.server(link => link.say(resumed()))
    expect(client.link.closed).toBe(true)
    expect(poll.reply?.body).toBe(terminated('policy-violation'))
  })

  test.each([
    ['the account of a token is not known', login('OAUTHBEARER', 'n,a=mallory@chat.example,\x01auth=Bearer b\x01\x01')],
    ['the account acts for another', plain('victim@chat.example', 'mallory')],
    ['the account acts for another by SCRAM', scram('n,a=victim@chat.example,', 'mallory')],
    ['servers may normalize the name differently', plain('', 'straße')],
    ['the name may be one of another domain', plain('', 'mallory@other.example')],
    ['the message has too many parts', plain('', 'victim\0x\0mallory')],
    ['decoders may differ', plain('', 'mallory').replace('</', ' </')],
    ['readers may differ', plain('', 'mallory').replace('</', "<x xmlns='x'/></")],
    ['the mechanism is another one', plain('', 'mallory').replace('PLAIN', 'X-PLAIN')],
  ])('must bind instead, and its server gets nothing, if %s', async (_what, login) => {
    const bench = new BoshBench()
    const client = await insideBy(login, bench)
    expect((await client.next(resume())).reply?.body).toBe(payload(failed))
    expect(client.link.sent).toEqual([])
    await client.next(bindRequest())
    await bench.server(link => link.answerBind('b', own))
    expect(jids(bench)).toEqual([own])
  })

  test.each([
    ['an abort', `<abort xmlns='${sasl}'/>`],
    ['an answer to no challenge', `<response xmlns='${sasl}'/>`],
    ['a stanza', message('hello')],
  ])('must bind too if %s may have mixed up the outcomes of its logins', async (_what, said) => {
    const bench = new BoshBench()
    const client = await bench.session(undefined, 700, new FakePeer(), scram('n,,', 'mallory') + said)
    const failure = `<failure xmlns='${sasl}'><aborted/></failure>`
    await bench.server(link => link.say(failure))
    await client.next(plain('', 'mallory'))
    await bench.server(link => link.say(failure))
    await client.next(plain('', 'victim'))
    await bench.server(link => link.letIn())
    await client.next()
    await client.next('', restart)
    await bench.server(link => link.open())
    await client.next(resume())
    await bench.server(link => link.say(resumed()))
    expect(jids(bench)).toEqual([undefined])
  })

  test('is known after a login that took several messages, or a second try', async () => {
    const bench = new BoshBench()
    const client = await bench.session(undefined, 700, new FakePeer(), scram('n,,', 'victim'))
    const say = (text: string) => bench.server(link => link.say(text))
    await say(`<failure xmlns='${sasl}'><not-authorized/></failure>`)
    await client.next(scram('n,,', 'mallory'))
    for (let step = 0; step < 2; step++) {
      await say(`<challenge xmlns='${sasl}'/>`)
      await client.next(`<response xmlns='${sasl}'/>`)
    }
    await say(success)
    await client.next()
    await client.next('', restart)
    await bench.server(link => link.open())
    await client.next(resume())
    await say(resumed())
    expect(jids(bench)).toEqual(['mallory@chat.example'])
  })

  test("gets the same if another answer could be confused with its server's", async () => {
    const bench = new BoshBench()
    await enabled(bench)
    const client = await insideBy(login('OAUTHBEARER', 'n,,\x01auth=Bearer b\x01\x01'), bench)
    const enable = "<enable xmlns='urn:xmpp:sm:3'/>"
    expect((await client.next(enable + resume('stream-of-mallory'))).reply?.body).toBe(payload(failed))
    expect(client.link.sent).toEqual([enable])
  })

  test('ends no session of another user, whatever stream it resumes', async () => {
    const bench = new BoshBench()
    const first = await enabled(bench)
    const both = authenticate.replace('</authenticate>', `${resume('stream-of-mallory')}</authenticate>`)
    const client = await bench.session(undefined, 700, new FakePeer(), both)
    const told = '<authorization-identifier>other@chat.example</authorization-identifier>'
    await bench.server(link => link.say(`<success xmlns='urn:xmpp:sasl:2'>${told}${resumed()}</success>`))
    expect(bench.registry.byId(client.id)?.jid).toBe('other@chat.example')
    expect(first.link.closed).toBe(false)
  })

  test('may bind if its server does not know the stream', async () => {
    const bench = new BoshBench()
    const client = await insideBy(plain('', 'mallory'), bench)
    await client.next(resume())
    await bench.server(link => link.say(failed))
    await client.next(bindRequest())
    await bench.server(link => link.answerBind('b', own))
    expect(jids(bench)).toEqual([own])
  })

  describe('in one step with its login', () => {
    const told = (jid: string, more: string) =>
      `<success xmlns='urn:xmpp:sasl:2'><authorization-identifier>${jid}</authorization-identifier>${more}</success>`
    const both = (id: string) => authenticate.replace('</authenticate>', `${resume(id)}</authenticate>`)

    test.each([
      ['bare JID', 'mallory@chat.example', 'unknown', 'mallory@chat.example'],
      [
        'bare JID, or the full one if this process has seen the stream',
        'mallory@chat.example',
        'stream-of-mallory',
        own,
      ],
      ['full JID', 'mallory@chat.example/y', 'unknown', 'mallory@chat.example/y'],
    ])('is known by the %s from the server', async (_what, jid, stream, known) => {
      const bench = new BoshBench()
      await enabled(bench)
      const client = await bench.session(undefined, 700, new FakePeer(), both(stream))
      await bench.server(link => link.say(told(jid, resumed(stream))))
      expect(bench.registry.byId(client.id)?.jid).toBe(known)
    })

    test('is known by its full JID if the stream began with a login that bound at once', async () => {
      const bench = new BoshBench()
      await bench.session()
      const bound = "<bound xmlns='urn:xmpp:bind:0'><enabled xmlns='urn:xmpp:sm:3' id='stream-2' resume='1'/></bound>"
      await bench.server(link => link.say(told(own, bound)))
      const client = await bench.session(undefined, 700, new FakePeer(), both('stream-2'))
      await bench.server(link => link.say(told('mallory@chat.example', resumed('stream-2'))))
      expect(bench.registry.byId(client.id)?.jid).toBe(own)
    })
  })

  test('cannot be handed to a page that needs the full JID', async () => {
    const bench = new BoshBench()
    const client = await insideBy(plain('', 'mallory'), bench)
    await client.next(resume())
    await bench.server(link => link.say(resumed()))
    expect(await bench.sessions.resume(client.id, { seconds: 60, attachBinding: 'off' })).toBeUndefined()
    expect(client.link.closed).toBe(false)
  })
})

test('a client whose JID never becomes known is served only until its time to log in is over', async () => {
  const bench = new BoshBench({}, undefined, {
    limits: noSessionLimits({ limits: { ...noLimits, loginTimeout: 30 } }),
  })
  const client = await inside(bench)
  await bench.server(link => link.receive(message('hello')))
  expect((await client.next(message('hello back'))).reply?.body).toContain('hello')
  const poll = await client.next()
  await bench.pass(30)
  expect(poll.reply?.body).toBe(terminated('policy-violation'))
  expect(client.link.closed).toBe(true)
})
