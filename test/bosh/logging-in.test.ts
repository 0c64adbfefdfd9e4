// A client that logs in by itself is a stranger until its server says otherwise, and what its server sends was written
// by others. `mallory` is the client here; `victim` is who she wants to be taken for.
import { describe, expect, test } from '@jest/globals'
import {
  auth,
  authenticate,
  BoshBench,
  bindRequest,
  type Client,
  FakePeer,
  message,
  restart,
  terminated,
} from '../support/bosh-bench.js'

const bind = 'urn:ietf:params:xml:ns:xmpp-bind'
const sasl = 'urn:ietf:params:xml:ns:xmpp-sasl'
const success = `<success xmlns='${sasl}'/>`
const victim = 'victim@chat.example/desk'
const own = 'mallory@chat.example/x'

const bindResult = (jid: string, attributes = "type='result' id='b'") =>
  `<iq xmlns='jabber:client' ${attributes}><bind xmlns='${bind}'><jid>${jid}</jid></bind></iq>`

/** A client that was let in and has opened its stream again. */
async function inside(bench = new BoshBench()): Promise<Client> {
  const client = await bench.welcome()
  await client.next('', restart)
  await bench.server(link => link.open(`<bind xmlns='${bind}'/>`))
  return client
}

/** The JIDs of all sessions that there are. */
const jids = ({ registry }: BoshBench) => [...registry.list()].map(({ jid }) => jid)

describe('a stream begins anew', () => {
  test('once, directly after the server has let the client in', async () => {
    const bench = new BoshBench()
    const client = await bench.welcome()
    expect((await client.next('', restart)).reply).toBeUndefined()
    expect(client.link.restarts).toHaveLength(1)
  })

  test.each<[string, (client: Client, bench: BoshBench) => Promise<unknown>]>([
    ['requests that carry nothing', client => client.next()],
    ['time', (_client, bench) => bench.pass(50)],
    ['a pause', client => client.next('', "pause='60'")],
  ])('also where there is nothing but %s in between', async (_what, act) => {
    const bench = new BoshBench({ maxRequests: 3 })
    const client = await bench.welcome("wait='60' hold='2' ver='1.6'")
    await act(client, bench)
    await client.next('', restart)
    expect(client.link.restarts).toHaveLength(1)
  })

  test('where a login has failed before', async () => {
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

  test('when a request that says so comes twice, once', async () => {
    const client = await new BoshBench().welcome()
    await client.next('', restart)
    await client.at(client.rid, '', restart)
    expect(client.link.restarts).toHaveLength(1)
  })
})

describe('a stream does not begin anew, and the session is over', () => {
  /** Asks for it, and is refused. */
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
  ])('where the client has sent %s and was not let in', async (_what, login) => {
    const bench = new BoshBench()
    await isRefused(bench, await bench.session(undefined, 700, new FakePeer(), login))
  })

  test('before the server has opened it the first time', async () => {
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

  test('where what the server says next has begun already', async () => {
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
  ])('where the server has said %s after it let the client in', async (_what, said) => {
    const bench = new BoshBench()
    const client = await bench.welcome()
    await bench.server(link => link.say(said))
    await client.next()
    await isRefused(bench, client)
  })

  test.each([
    ['a stanza', message('hello')],
    ['a request to bind a resource', bindRequest()],
    ['the wish to be let in again', auth],
  ])('where the client has sent %s since', async (_what, said) => {
    const bench = new BoshBench()
    const client = await bench.welcome()
    await client.next(said)
    await isRefused(bench, client)
  })

  test('where the client has sent something else before the server let it in', async () => {
    const bench = new BoshBench()
    const client = await bench.session(undefined, 700, new FakePeer(), auth + bindRequest())
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

  test('in a session whose JID is known: one that we have opened, or its client', async () => {
    const bench = new BoshBench()
    await isRefused(bench, await bench.warmed())
    const client = await bench.session()
    await bench.server(link => link.bind())
    await client.next()
    await isRefused(bench, client)
  })
})

describe('the end is an end, also where it wants the stream to begin anew', () => {
  test('and is no fault', async () => {
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

  test('by that answer where the request went ahead of the features', async () => {
    const bench = new BoshBench()
    const client = await bench.welcome()
    await client.next('', restart)
    await client.next(bindRequest())
    await bench.server(link => link.open())
    await bench.server(link => link.answerBind('b', own))
    expect(jids(bench)).toEqual([own])
  })

  test('by the answer to its second request where the first was refused', async () => {
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

  test('by the answer to its request where it was let in to go on the same stream', async () => {
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
  ])(
    'by what %s sends in the place of the answer, which still counts when it comes',
    async (_what, forged) => {
      const bench = new BoshBench()
      const client = await inside(bench)
      await client.next(bindRequest())
      await bench.server(link => link.say(forged))
      expect(jids(bench)).toEqual([undefined])
      await bench.server(link => link.answerBind('b', own))
      expect(jids(bench)).toEqual([own])
    },
  )

  test.each([
    ['to a user', bindRequest('b', "to='accomplice@chat.example/y'")],
    ['to another server', bindRequest('b', "to='evil.example'")],
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

  test('by an answer that was not asked for, or whose request was answered before', async () => {
    const bench = new BoshBench()
    const client = await inside(bench)
    await bench.server(link => link.answerBind('b', victim))
    await client.next(bindRequest())
    await bench.server(link => link.say("<iq xmlns='jabber:client' type='error' id='b'/>"))
    await bench.server(link => link.answerBind('b', victim))
    expect(jids(bench)).toEqual([undefined])
  })

  test('by the answer to a request on the stream before', async () => {
    const bench = new BoshBench()
    const client = await bench.session(undefined, 700, new FakePeer(), bindRequest() + auth)
    await bench.server(link => link.letIn())
    await client.next()
    await client.next('', restart)
    await bench.server(link => link.open())
    await bench.server(link => link.answerBind('b', victim))
    expect(jids(bench)).toEqual([undefined])
  })

  test.each([
    ['was not let in', ''],
    ['logs in without binding', auth],
  ])('by an answer or a success where the client %s', async (_what, login) => {
    const bench = new BoshBench()
    const client = await bench.session(undefined, 700, new FakePeer(), login)
    await client.next(bindRequest())
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
  ])('by anything after %s: others may write to it now', async (_what, said) => {
    const bench = new BoshBench()
    const client = await inside(bench)
    await client.next(bindRequest())
    await bench.server(link => link.say(said))
    await bench.server(link => link.answerBind('b', victim))
    expect(jids(bench)).toEqual([undefined])
  })

  test('by requests without number; a few are kept in mind', async () => {
    const bench = new BoshBench()
    const client = await inside(bench)
    await client.next(Array.from({ length: 50 }, (_, number) => bindRequest(`${number}`)).join(''))
    await bench.server(link => link.answerBind('49', own))
    expect(jids(bench)).toEqual([undefined])
    await bench.server(link => link.answerBind('0', own))
    expect(jids(bench)).toEqual([own])
  })
})

test('a client that has logged in as before SASL goes on without a JID that is known', async () => {
  const bench = new BoshBench()
  const client = await bench.session(undefined, 700, new FakePeer(), '')
  const login = `<iq xmlns='jabber:client' type='set' id='1'><query xmlns='jabber:iq:auth'/></iq>`
  await client.next(login)
  await bench.server(link => link.say("<iq xmlns='jabber:client' type='result' id='1'/>"))
  const poll = await client.next()
  await bench.server(link => link.receive(message('hello')))
  expect(poll.reply?.body).toContain('hello')
  expect(jids(bench)).toEqual([undefined])
  await client.next(message('hello back'))
  expect(client.link.sent).toEqual([login, message('hello back')])
})
