// `mallory` logs in herself, and tries to get the sessions of `victim`.
import { describe, expect, test } from '@jest/globals'
import { UserLimit } from '../../../src/session/limits/user-limit.js'
import {
  auth,
  authenticate,
  type BenchOptions,
  BoshBench,
  bindRequest,
  type Client,
  create,
  ended,
  FakePeer,
  message,
  payload,
  request,
  restart,
  terminated,
} from '../../support/bosh-bench.js'
import { countSteps } from '../../support/steps.js'

const bind = 'urn:ietf:params:xml:ns:xmpp-bind'
const sasl = 'urn:ietf:params:xml:ns:xmpp-sasl'
const success = `<success xmlns='${sasl}'/>`
const victim = 'victim@chat.example/desk'
const own = 'mallory@chat.example/x'

const bindResult = (jid: string, attributes = "type='result' id='b'") =>
  `<iq xmlns='jabber:client' ${attributes}><bind xmlns='${bind}'><jid>${jid}</jid></bind></iq>`

const resume = (id = 'unknown') => `<resume xmlns='urn:xmpp:sm:3' previd='${id}' h='0'/>`
const resumed = (id = 'unknown') => `<resumed xmlns='urn:xmpp:sm:3' previd='${id}' h='0'/>`

/** The client has read the server's answer to its login. It restarts its stream, which the server opens. */
async function restarts(client: Client): Promise<void> {
  await client.next()
  await client.next('', restart)
  await client.bench.server(link => link.open())
}

/** A client that has logged in and restarted its stream. */
async function inside(bench = new BoshBench()) {
  const client = await bench.welcome()
  await client.next('', restart)
  await bench.server(link => link.open(`<bind xmlns='${bind}'/>`))
  return { bench, client }
}

const jids = ({ registry }: BoshBench) => [...registry.list()].map(({ jid }) => jid)

describe('a client that has not logged in', () => {
  const inheriting = (name: string, attributes: string, child: string) =>
    `<${name} ${attributes} xmlns:p='${'&amp;'.repeat(80)}'>${child.repeat(2_000)}</${name}>`
  const long = 'x'.repeat(16 * 1024)
  const sasl2 = "xmlns='urn:xmpp:sasl:2' mechanism='PLAIN'"

  test.each([
    ['a long element', false, message(long)],
    ['a login whose children inherit long declarations', false, inheriting('auth', `xmlns='${sasl}'`, '<p:é/>')],
    ['a SASL2 login whose children inherit long declarations', false, inheriting('authenticate', sasl2, '<p:é/>')],
    ['such a SASL2 login after another login', true, inheriting('authenticate', sasl2, '<p:é/>')],
  ])('ends its session with %s', async (_what, isWelcome, element) => {
    const bench = new BoshBench()
    const client = isWelcome ? await bench.welcome() : await bench.session(undefined, 700, new FakePeer(), '')
    let sent: ReturnType<Client['next']> | undefined
    const steps = countSteps(() => {
      sent = client.next(element)
    })
    await bench.pass(1)
    expect((await sent)?.reply?.body).toBe(terminated('policy-violation'))
    expect(client.link.sent).toEqual([])
    expect(steps).toBeLessThan(9 * element.length + 20_000)
  })

  test('may send a token of 12 kB', async () => {
    const client = await new BoshBench().session(undefined, 700, new FakePeer(), '')
    const token = `<auth xmlns='${sasl}' mechanism='GSSAPI'>${Buffer.alloc(12_000).toString('base64')}</auth>`
    await client.next(token)
    expect(client.link.sent).toEqual([token])
  })
})

describe('a stream restarts', () => {
  test.each<[string, (client: Client, bench: BoshBench) => Promise<unknown>]>([
    ['an empty request', client => client.next()],
    ['a wait', (_client, bench) => bench.pass(50)],
    ['a pause', client => client.next('', "pause='60'")],
  ])('if only %s happened since the login', async (_what, act) => {
    const bench = new BoshBench({ maxRequests: 3 })
    const client = await bench.welcome("wait='60' hold='2' ver='1.6'")
    await act(client, bench)
    await client.next('', restart)
    expect(client.link.restarts).toHaveLength(1)
  })

  test('for the domain that the session is for, written in another way', async () => {
    const client = await new BoshBench().welcome()
    await client.next('', `${restart} to='Chat.Example.'`)
    expect(client.link.restarts).toEqual([{}])
  })

  test('once, if a request with a restart is repeated', async () => {
    const client = await new BoshBench().welcome()
    await client.next('', restart)
    await client.at(client.rid, '', restart)
    expect(client.link.restarts).toHaveLength(1)
  })
})

describe('a restart is refused, and the session ends,', () => {
  /** The client's stream restart is refused. */
  async function isRefused(client: Client, attributes = restart): Promise<void> {
    const before = client.link.restarts.length
    const { reply } = await client.next('', attributes)
    expect(reply?.body).toBe(terminated('bad-request'))
    expect(client.link.restarts).toHaveLength(before)
    expect(client.link.closed).toBe(true)
    expect(client.bench.registry.size).toBe(0)
  }

  test.each([
    ['no login', ''],
    ['a SASL login', auth],
    ['a SASL2 login', authenticate],
  ])('before a login has succeeded, after %s', async (_what, login) => {
    await isRefused(await new BoshBench().session(undefined, 700, new FakePeer(), login))
  })

  test('before the server has opened the stream', async () => {
    const { bench, client } = await BoshBench.session(undefined, 700, new FakePeer(), '')
    const early = await bench.send(create(undefined, 1, auth))
    await bench.pass(5)
    const sid = / sid='([^']+)'/.exec(early.reply!.body)![1]!
    const { reply } = await bench.send(request(sid, 2, '', restart))
    expect(reply?.body).toBe(terminated('bad-request'))
    expect((await client.next()).reply).toBeUndefined()
  })

  test.each([
    ['if the stream was restarted before', false],
    ['if an earlier restart is not answered yet', true],
  ])('%s', async (_what, isAtOnce) => {
    const bench = new BoshBench({ maxRequests: 3 })
    const client = await bench.welcome("wait='60' hold='2' ver='1.6'")
    const first = await client.next('', restart)
    if (!isAtOnce) await bench.server(link => link.open())
    await isRefused(client)
    if (isAtOnce) expect(first.reply?.body).toBe(terminated('other-request'))
  })

  const says = (text: string) => (client: Client) =>
    client.bench.server(link => link.say(text)).then(() => client.next())

  test.each<[string, (client: Client) => unknown]>([
    ['the server has begun its next element', ({ link }) => Object.assign(link, { isBetweenElements: false })],
    ['the server has sent a stanza', says(message('hello'))],
    ['the server has sent features', says('<stream:features xmlns:stream="http://etherx.jabber.org/streams"/>')],
    ['the server has sent a challenge', says(`<challenge xmlns='${sasl}'/>`)],
    ['the client has sent a stanza', client => client.next(message('hello'))],
    ['the client has sent another login', client => client.next(auth)],
  ])('if after the success %s', async (_what, act) => {
    const client = await new BoshBench().welcome()
    await act(client)
    await isRefused(client)
  })

  test.each([
    ['inside a message', auth, `<message xmlns='jabber:client'>${success}</message>`],
    ['of another namespace', auth, "<success xmlns='jabber:client'/>"],
    ['of SASL2', auth, "<success xmlns='urn:xmpp:sasl:2'/>"],
    ['without a login', authenticate, success],
    ['that was behind a stanza of its client', auth + message('hello'), success],
  ])('after a success %s', async (_what, login, said) => {
    const { bench, client } = await BoshBench.session(undefined, 700, new FakePeer(), login)
    await bench.server(link => link.say(said))
    await client.next()
    await isRefused(client)
  })

  test.each([
    ['of another served domain', 'other.example'],
    ['of a domain that is not served', 'evil.example'],
    ['that is no domain', 'chat.example/x'],
    ['that is empty', ''],
  ])('with `to` %s', async (_what, to) => {
    const bench = new BoshBench({}, ['chat.example', 'other.example'])
    await isRefused(await bench.welcome(), `${restart} to='${to}'`)
  })

  test('if the session is bound already, by this process or by its client', async () => {
    const bench = new BoshBench()
    await isRefused(await bench.warmed())
    const client = await bench.session()
    await bench.server(link => link.bind())
    await client.next()
    await isRefused(client)
  })
})

test('an end takes precedence over a restart, and is no error', async () => {
  const client = await new BoshBench().session()
  const { reply } = await client.next('', `${restart} type='terminate'`)
  expect(reply?.body).toBe(ended)
})

describe('the service finds the JID of a client', () => {
  test('from the result of a bind request that was sent before the features', async () => {
    const { bench, client } = await BoshBench.welcome()
    await client.next('', restart)
    await client.next(bindRequest())
    await bench.server(link => link.open())
    await bench.server(link => link.answerBind('b', own))
    expect(jids(bench)).toEqual([own])
  })

  test('from the result of its second bind request, if the first was refused', async () => {
    const { bench, client } = await inside()
    await client.next(bindRequest('1') + bindRequest('2'))
    await bench.server(link => link.say("<iq xmlns='jabber:client' type='error' id='1'/>"))
    await bench.server(link => link.answerBind('2', own))
    expect(jids(bench)).toEqual([own])
  })

  test('from the result of its bind request, if it logged in without a restart', async () => {
    const { bench, client } = await BoshBench.session()
    const told = '<authorization-identifier>mallory@chat.example</authorization-identifier>'
    await bench.server(link => link.say(`<success xmlns='urn:xmpp:sasl:2'>${told}</success>`))
    expect(jids(bench)).toEqual([undefined])
    await client.next()
    await client.next(bindRequest())
    await bench.server(link => link.answerBind('b', own))
    expect(jids(bench)).toEqual([own])
  })

  test('only once', async () => {
    const { bench, client } = await inside()
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

describe('the service does not find the JID of a client', () => {
  const from = (sender: string) => bindResult(victim, `type='result' id='b' from='${sender}'`)

  test.each([
    ['another user', from('accomplice@chat.example/y')],
    ['the session itself', from(own)],
  ])('from a stanza of %s in place of the result, which still counts later', async (_what, forged) => {
    const { bench, client } = await inside()
    await client.next(bindRequest())
    await bench.server(link => link.say(forged))
    expect(jids(bench)).toEqual([undefined])
    await bench.server(link => link.answerBind('b', own))
    expect(jids(bench)).toEqual([own])
  })

  const refusal = "<iq xmlns='jabber:client' type='error' id='b'/>"

  test.each([
    ['of a request that is no bind request', bindRequest().replace(bind, 'urn:x')],
    ['of a request with another id', bindRequest('c')],
    ['without a request', ''],
    ['after another result', bindRequest(), refusal],
    // Others may write to the client now.
    ['after a message', bindRequest(), message('hello')],
    ['after a presence', bindRequest(), "<presence xmlns='jabber:client' from='accomplice@chat.example/y'/>"],
    ['after a stream that was resumed', bindRequest(), resumed()],
  ])('from a result %s', async (_what, sent, ...said) => {
    const { bench, client } = await inside()
    await client.next(sent)
    for (const each of said) await bench.server(link => link.say(each))
    await bench.server(link => link.answerBind('b', victim))
    expect(jids(bench)).toEqual([undefined])
  })

  test.each([
    ['has not logged in', ''],
    ['is in the middle of a SASL login', auth],
  ])('from a bind result or a success if the client %s', async (_what, login) => {
    const { bench } = await BoshBench.session(undefined, 700, new FakePeer(), login)
    await bench.server(link => link.answerBind('b', victim))
    await bench.server(link => link.bind(victim))
    expect(jids(bench)).toEqual([undefined])
  })

  test('from a success after a failure, or inside another stanza', async () => {
    const { bench } = await BoshBench.session()
    const told = `<success xmlns='urn:xmpp:sasl:2'><authorization-identifier>${victim}</authorization-identifier></success>`
    await bench.server(link => link.say("<failure xmlns='urn:xmpp:sasl:2'/>"))
    await bench.server(link => link.say(told))
    await bench.session()
    await bench.server(link => link.say(`<iq xmlns='jabber:client' type='result' id='x'>${told}</iq>`))
    expect(jids(bench)).toEqual([undefined, undefined])
  })
})

describe('a request that could hide the client’s JID does not reach the server, and ends the session', () => {
  /** Sends refused elements together with an allowed stanza. */
  async function isRefused(client: Client, said: string): Promise<void> {
    const { bench } = client
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
    ['without an id', bindRequest().replace("id='b'", '')],
    ['to the user’s account, which Prosody binds', bindRequest('b', "to='mallory@chat.example'")],
    ['of another namespace, which ejabberd binds', bindRequest().replace('jabber:client', 'jabber:server')],
    ['too many', Array.from({ length: 11 }, (_, number) => bindRequest(`${number}`)).join('')],
  ])('a bind request: %s', async (_what, said) => {
    await isRefused((await inside()).client, said)
  })

  test.each<[string, (bench: BoshBench) => Promise<Client>]>([
    ['has not logged in', bench => bench.session(undefined, 700, new FakePeer(), '')],
    ['waits for the outcome of its SASL login', bench => bench.session(undefined, 700, new FakePeer(), auth)],
    ['waits for the outcome of its SASL2 login', bench => bench.session()],
    ['has not restarted its stream', bench => bench.welcome()],
  ])('a bind request or a resumption if the client %s', async (_what, come) => {
    for (const said of [bindRequest(), resume()]) await isRefused(await come(new BoshBench()), said)
  })

  test.each([
    ['a second login', auth, auth],
    ['a second SASL2 login', auth, authenticate],
    ['a SASL login beside a SASL2 login', authenticate, auth],
  ])('%s before the first login is over', async (_what, first, second) => {
    await isRefused(await new BoshBench().session(undefined, 700, new FakePeer(), first), second)
  })

  test('a second login of a client that has logged in', async () => {
    await isRefused((await inside()).client, auth)
  })

  test.each(['get', 'set'])('a login of XEP-0078, or the query for its fields: %s', async type => {
    const client = await new BoshBench().session(undefined, 700, new FakePeer(), '')
    await isRefused(client, `<iq xmlns='jabber:client' type='${type}' id='1'><query xmlns='jabber:iq:auth'/></iq>`)
  })

  test('but a registration does reach it', async () => {
    const client = await new BoshBench().session(undefined, 700, new FakePeer(), '')
    const said = "<iq xmlns='jabber:client' type='set' id='1'><query xmlns='jabber:iq:register'/></iq>"
    await client.next(said)
    expect(client.link.sent).toEqual([said])
  })
})

test('a bind request of any allowed length is answered', async () => {
  const { bench, client } = await inside()
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
  const bearer = login('OAUTHBEARER', 'n,,\x01auth=Bearer b\x01\x01')
  const failed = "<failed xmlns='urn:xmpp:sm:3'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></failed>"

  const userLimit: BenchOptions['userLimit'] = (registry, refused) => new UserLimit({ most: 1, registry, refused })

  /** Mallory has logged in with this element. */
  async function insideBy(login: string, bench = new BoshBench()) {
    const client = await bench.session(undefined, 700, new FakePeer(), login)
    await bench.server(link => link.letIn())
    await restarts(client)
    client.link.sent.length = 0
    return { bench, client }
  }

  /** Mallory has enabled stream management. */
  async function enabled(about: BenchOptions = {}) {
    const { bench, client } = await inside(new BoshBench({}, undefined, about))
    await client.next(bindRequest())
    await bench.server(link => link.answerBind('b', own))
    await bench.server(link => link.say("<enabled xmlns='urn:xmpp:sm:3' id='stream-of-mallory' resume='true'/>"))
    return { bench, client }
  }

  /** The client asks for this stream, and its server resumes it, under a new id where that is given. */
  async function resumes(client: Client, previd?: string, next = previd) {
    const poll = await client.next(resume(previd))
    await client.bench.server(() => client.link.say(resumed(next)))
    return poll
  }

  test.each([
    ['PLAIN', plain('', 'mallory')],
    ['PLAIN with its own authzid', plain('mallory@chat.example', 'Mallory')],
    ['SCRAM', scram('n,,', 'mallory')],
    ['SCRAM with its own authzid', scram('y,a=mallory@chat.example,', 'mallory')],
  ])('is listed with the account of its login by %s', async (_what, login) => {
    const { bench, client } = await insideBy(login)
    await client.next(resume())
    expect(client.link.sent).toEqual([resume()])
    expect(jids(bench)).toEqual([undefined])
    await bench.server(link => link.say(resumed()))
    expect(jids(bench)).toEqual(['mallory@chat.example'])
    expect(bench.registry.ofJid('mallory@chat.example/x')).toHaveLength(1)
    expect(await bench.sessions.endAll({ jid: 'mallory@chat.example' })).toMatchObject({ ended: 1 })
    expect(client.link.closed).toBe(true)
  })

  test.each([
    ['the user', plain('', 'mallory'), 'mallory@chat.example', true],
    ['another user', plain('', 'mallory'), 'alice@chat.example', false],
    ['a user, if its account is uncertain', plain('romeo@chat.example', 'mallory'), 'alice@chat.example', true],
    ['a user of another domain', plain('romeo@chat.example', 'mallory'), 'alice@other.example', false],
  ])('ends or continues if, before it binds, all sessions end of %s', async (_what, login, jid, isOver) => {
    const { bench, client: stranger } = await BoshBench.session()
    const { client } = await insideBy(login, bench)
    expect((await bench.sessions.endAll({ jid })).ended).toBe(isOver ? 1 : 0)
    expect([client.link.closed, stranger.link.closed]).toEqual([isOver, false])
  })

  test('is listed with its full JID if this process has seen the stream, also under its new id', async () => {
    const { bench, client: first } = await enabled()
    const { client: second } = await insideBy(bearer, bench)
    await resumes(second, 'stream-of-mallory', 'the-next')
    // The server has closed the first connection.
    expect(first.link.closed).toBe(true)
    expect(bench.registry.byId(second.id)?.jid).toBe(own)
    const { client: third } = await insideBy(scram('n,,', 'mallory'), bench)
    await resumes(third, 'the-next', 'the-last')
    expect(jids(bench)).toEqual([own])
    expect(second.link.closed).toBe(true)
  })

  test.each([
    ['is allowed if it resumes a session of its user', 'stream-of-mallory', payload(resumed('stream-of-mallory'))],
    ['ends if it resumes another stream', undefined, terminated('policy-violation')],
  ])('at its user’s limit of sessions %s', async (_what, stream, told) => {
    const { bench } = await enabled({ userLimit })
    const { client } = await insideBy(scram('n,,', 'mallory'), bench)
    const poll = await resumes(client, stream)
    expect([poll.reply?.body, client.link.closed]).toEqual([told, stream === undefined])
    expect(jids(bench)).toEqual([own])
  })

  test.each([
    ['the account of its token is unknown', login('OAUTHBEARER', 'n,a=mallory@chat.example,\x01auth=Bearer b\x01\x01')],
    ['PLAIN has another authzid', plain('victim@chat.example', 'mallory')],
    ['SCRAM has another authzid', scram('n,a=victim@chat.example,', 'mallory')],
    ['servers may normalize the name differently', plain('', 'straße')],
    ['the name may belong to another domain', plain('', 'mallory@other.example')],
    ['the message has too many parts', plain('', 'victim\0x\0mallory')],
    ['decoders may differ', plain('', 'mallory').replace('</', ' </')],
    ['readers may differ', plain('', 'mallory').replace('</', "<x xmlns='x'/></")],
    ['the mechanism is unknown', plain('', 'mallory').replace('PLAIN', 'X-PLAIN')],
  ])('must bind instead, and its server gets nothing, if %s', async (_what, login) => {
    const { bench, client } = await insideBy(login)
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
  ])('must bind instead if %s may have mixed up the outcomes of its logins', async (_what, said) => {
    const { bench, client } = await BoshBench.session(undefined, 700, new FakePeer(), scram('n,,', 'mallory') + said)
    const failure = `<failure xmlns='${sasl}'><aborted/></failure>`
    await bench.server(link => link.say(failure))
    await client.next(plain('', 'mallory'))
    await bench.server(link => link.say(failure))
    await client.next(plain('', 'victim'))
    await bench.server(link => link.letIn())
    await restarts(client)
    await resumes(client)
    expect(jids(bench)).toEqual([undefined])
  })

  test('is listed with its account after a login of several messages, or a second login', async () => {
    const { bench, client } = await BoshBench.session(undefined, 700, new FakePeer(), scram('n,,', 'victim'))
    const say = (text: string) => bench.server(link => link.say(text))
    await say(`<failure xmlns='${sasl}'><not-authorized/></failure>`)
    await client.next(scram('n,,', 'mallory'))
    for (let step = 0; step < 2; step++) {
      await say(`<challenge xmlns='${sasl}'/>`)
      await client.next(`<response xmlns='${sasl}'/>`)
    }
    await say(success)
    await restarts(client)
    await resumes(client)
    expect(jids(bench)).toEqual(['mallory@chat.example'])
  })

  test('must bind instead if another answer could be confused with the server’s', async () => {
    const { bench } = await enabled()
    const { client } = await insideBy(bearer, bench)
    const enable = "<enable xmlns='urn:xmpp:sm:3'/>"
    expect((await client.next(enable + resume('stream-of-mallory'))).reply?.body).toBe(payload(failed))
    expect(client.link.sent).toEqual([enable])
  })

  test('does not end another user’s session, even if it resumes that session’s stream', async () => {
    const { bench, client: first } = await enabled()
    const both = authenticate.replace('</authenticate>', `${resume('stream-of-mallory')}</authenticate>`)
    const client = await bench.session(undefined, 700, new FakePeer(), both)
    const told = '<authorization-identifier>other@chat.example</authorization-identifier>'
    await bench.server(link => link.say(`<success xmlns='urn:xmpp:sasl:2'>${told}${resumed()}</success>`))
    expect(bench.registry.byId(client.id)?.jid).toBe('other@chat.example')
    expect(first.link.closed).toBe(false)
  })

  test('may bind if its server has no such stream', async () => {
    const { bench, client } = await insideBy(plain('', 'mallory'))
    await client.next(resume())
    await bench.server(link => link.say(failed))
    await client.next(bindRequest())
    await bench.server(link => link.answerBind('b', own))
    expect(jids(bench)).toEqual([own])
  })

  describe('with a resumption in its SASL2 login', () => {
    const told = (jid: string, more: string) =>
      `<success xmlns='urn:xmpp:sasl:2'><authorization-identifier>${jid}</authorization-identifier>${more}</success>`
    const both = (id: string) => authenticate.replace('</authenticate>', `${resume(id)}</authenticate>`)

    test.each([
      ['bare JID from the server', 'mallory@chat.example', 'unknown', 'mallory@chat.example'],
      ['full JID, if this process has seen the stream', 'mallory@chat.example', 'stream-of-mallory', own],
      ['full JID from the server', 'mallory@chat.example/y', 'unknown', 'mallory@chat.example/y'],
    ])('is listed with the %s', async (_what, jid, stream, known) => {
      const { bench } = await enabled()
      const client = await bench.session(undefined, 700, new FakePeer(), both(stream))
      await bench.server(link => link.say(told(jid, resumed(stream))))
      expect(bench.registry.byId(client.id)?.jid).toBe(known)
    })

    test('is listed with its full JID if the stream began with SASL2', async () => {
      const { bench } = await BoshBench.session()
      const bound = "<bound xmlns='urn:xmpp:bind:0'><enabled xmlns='urn:xmpp:sm:3' id='stream-2' resume='1'/></bound>"
      await bench.server(link => link.say(told(own, bound)))
      const client = await bench.session(undefined, 700, new FakePeer(), both('stream-2'))
      await bench.server(link => link.say(told('mallory@chat.example', resumed('stream-2'))))
      expect(bench.registry.byId(client.id)?.jid).toBe(own)
    })
  })

  test('cannot be resumed by a page over the API, because pages need the full JID', async () => {
    const { bench, client } = await insideBy(plain('', 'mallory'))
    await resumes(client)
    expect(await bench.sessions.resume(client.id, { seconds: 60, attachBinding: 'off' })).toBeUndefined()
    expect(client.link.closed).toBe(false)
  })
})
