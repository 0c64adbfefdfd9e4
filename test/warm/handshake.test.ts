// What a login says over BOSH, to a connection manager that answers from a script.
import { describe, expect, test } from '@jest/globals'
import type { Exchange, Reply } from '../../src/exchange.js'
import { SaltedPasswords } from '../../src/login/sasl/salted-passwords.js'
import type { WarmRequest } from '../../src/warm/binding.js'
import { Foresight } from '../../src/warm/foresight.js'
import { LoginAttempt } from '../../src/warm/login-attempt.js'
import { attribute } from '../support/bosh-client.js'
import { FakeClock } from '../support/fake-clock.js'
import { ScramServer } from '../support/login-server/scram.js'

const asked: WarmRequest = {
  jid: { local: 'juliet', domain: 'chat.example', resource: 'balcony' },
  credentials: { kind: 'password', password: 's3cret' },
  language: 'de-CH',
  wait: 20,
  hold: 1,
  ver: '1.10',
  attachSeconds: 120,
  attachBinding: 'off',
}

const bosh = 'http://jabber.org/protocol/httpbind'
const terms = " sid='s1' wait='20' hold='1' requests='2' inactivity='150' polling='5' ver='1.10'"
const sasl = 'urn:ietf:params:xml:ns:xmpp-sasl'
const bind = 'urn:ietf:params:xml:ns:xmpp-bind'
const session = 'urn:ietf:params:xml:ns:xmpp-session'
const features = (inside: string) =>
  `<stream:features xmlns:stream='http://etherx.jabber.org/streams'>${inside}</stream:features>`
const offer = (mechanism: string) =>
  features(`<mechanisms xmlns='${sasl}'><mechanism>${mechanism}</mechanism></mechanisms>`)
const success = `<success xmlns='${sasl}'/>`
const bound = (id: string) =>
  `<iq xmlns='jabber:client' type='result' id='${id}'><bind xmlns='${bind}'><jid>juliet@chat.example/balcony</jid></bind></iq>`
const done = (id: string) => `<iq xmlns='jabber:client' type='result' id='${id}'/>`

/** What to say, by the id of the last IQ and all that was said so far. */
type Answer = string | ((id: string, said: readonly string[]) => string)

/** Logs in where these answers are given, one to each request. */
async function logIn(
  answers: readonly Answer[],
  request = asked,
  caller = new AbortController().signal,
  said: string[] = [],
  foresight?: Foresight,
  mechanisms = ['PLAIN'],
) {
  let open = 0
  let mostOpen = 0
  let id = ''
  const exchange: Exchange = async body => {
    const answer = answers[said.length]!
    const start = said.length === 0 ? terms : ''
    said.push(body)
    open += 1
    mostOpen = Math.max(mostOpen, open)
    await new Promise(resolve => setImmediate(resolve))
    open -= 1
    id = /<iq[^>]* id="([^"]+)"/.exec(body)?.[1] ?? id
    const text = typeof answer === 'string' ? answer : answer(id, said)
    const reply: Reply = {
      ...{ status: 200, contentType: 'text/xml', body: `<body${start} xmlns='${bosh}'>${text}</body>` },
      facts: { id: 'i1', link: { encrypted: true, plainAllowed: true } },
    }
    return reply
  }
  const attempt = new LoginAttempt(
    {
      upstreamOf: () => ({ exchange, handOver: () => ({}), abandon: () => {} }),
      ...{ timeout: 5, stepTimeout: 5, mechanisms, scramMaxIterations: 4096 },
      saltedPasswords: new SaltedPasswords(new FakeClock(), 0),
    },
    request,
    foresight,
  )
  const { rid, jid } = await attempt.bind(caller)
  expect(mostOpen).toBe(1)
  const rids = said.map(body => Number(attribute(body, 'rid')))
  return { rid, jid, rids, said: said.map(body => body.replace(/ rid='\d+'/, '').replace(/ id="[^"]+"/, '')) }
}

const start = " to='chat.example' xml:lang='de-CH' xmlns:xmpp='urn:xmpp:xbosh'"
const creation = (more = '') =>
  `<body${start}${more} wait='20' hold='1' ver='1.10' content='text/xml; charset=utf-8' xmpp:version='1.0' xmlns='${bosh}'/>`
const restart = `<body sid='s1'${start} xmpp:restart='true' xmlns='${bosh}'/>`
const empty = `<body sid='s1' xmlns='${bosh}'/>`
const within = (inside: string) => `<body sid='s1' xmlns='${bosh}'>${inside}</body>`
const auth = (mechanism: string, message: string) =>
  within(`<auth xmlns="${sasl}" mechanism="${mechanism}">${message}</auth>`)
const ask = (what: string) => within(`<iq type="set" xmlns="jabber:client">${what}</iq>`)
const plain = auth('PLAIN', Buffer.from('\0juliet\0s3cret').toString('base64'))

describe('a login', () => {
  test('says each thing once, as servers want to be told, and counts on from one request to the next', async () => {
    const { rid, jid, rids, said } = await logIn([
      ...[offer('PLAIN'), success, features(`<bind xmlns='${bind}'/>`), bound],
    ])
    expect(jid).toBe('juliet@chat.example/balcony')
    expect(said).toEqual([
      creation(),
      plain,
      restart,
      ask(`<bind xmlns="${bind}"><resource>balcony</resource></bind>`),
    ])
    const [first] = rids
    expect([...rids, rid]).toEqual([0, 1, 2, 3, 4].map(step => first! + step))
    expect(first).toBeGreaterThan(0)
    expect(first).toBeLessThan(2 ** 52)
  })

  test('asks with empty requests for what is late, and for a session where one is demanded', async () => {
    const request = { ...asked, jid: { ...asked.jid, resource: undefined } }
    const readyToBind = features(`<bind xmlns='${bind}'/><session xmlns='${session}'/>`)
    const answers = ['', offer('PLAIN'), success, '', readyToBind, bound, '', done]
    const { rid, rids, said } = await logIn(answers, request)
    expect(said).toEqual([
      ...[creation(), empty, plain, restart, empty],
      ...[ask(`<bind xmlns="${bind}"/>`), ask(`<session xmlns="${session}"/>`), empty],
    ])
    expect(rid - rids[0]!).toBe(8)
  })

  test.each([
    [
      'under a prefix',
      (iq: string) => iq.replace('<iq xmlns=', '<c:iq xmlns:c=').replace('</iq>', '</c:iq>'),
    ],
    ['after an answer to no request', (iq: string) => done('1') + done('2') + iq],
    [
      'with other stanzas',
      (iq: string) => `<message xmlns='jabber:client'/>${iq}<presence xmlns='jabber:client'/>`,
    ],
  ])('takes the answer to its own request, %s', async (_how, written) => {
    const answers = [offer('PLAIN'), success, features(`<bind xmlns='${bind}'/>`)]
    const { jid, said } = await logIn([...answers, id => written(bound(id))])
    expect(jid).toBe('juliet@chat.example/balcony')
    expect(said).toHaveLength(4)
  })

  test.each([
    ['refuses it', "<error type='cancel'><not-allowed xmlns='s'/></error>", 'bind-refused', 'not-allowed'],
    ['tells of a conflict', "<error><conflict xmlns='s'/></error>", 'conflict', 'conflict'],
    ['does not say why', '<error/>', 'remote-protocol-error', undefined],
    ['names no error', '', 'remote-protocol-error', undefined],
  ])('ends where the server, asked for a resource, %s', async (_what, inside, code, condition) => {
    const refusal = (id: string) => `<iq xmlns='jabber:client' type='error' id='${id}'>${inside}</iq>`
    const answers = [offer('PLAIN'), success, features(`<bind xmlns='${bind}'/>`), refusal]
    await expect(logIn(answers)).rejects.toMatchObject({ code, step: 'bind', condition })
  })

  test('shows nothing to a server that refuses in one breath with what it offers', async () => {
    const failure = `<failure xmlns='${sasl}'><not-authorized/></failure>`
    await expect(logIn([offer('PLAIN') + failure])).rejects.toMatchObject({ code: 'not-authorized' })
  })

  test('says nothing for a caller who has left', async () => {
    const said: string[] = []
    const login = logIn([offer('PLAIN')], asked, AbortSignal.abort(), said)
    await expect(login).rejects.toMatchObject({ code: 'timeout', step: 'connect' })
    await new Promise(resolve => setImmediate(resolve))
    expect(said).toEqual([])
  })

  test('by the certificate of the link says whose it is from the start', async () => {
    const request: WarmRequest = { ...asked, credentials: { kind: 'certificate' } }
    const answers = [offer('EXTERNAL'), success, features(`<bind xmlns='${bind}'/>`), bound]
    const { said } = await logIn(answers, request)
    const jid = Buffer.from('juliet@chat.example').toString('base64')
    expect(said.slice(0, 3)).toEqual([
      creation(" from='juliet@chat.example'"),
      auth('EXTERNAL', jid),
      restart,
    ])
  })
})

describe('a login that is ahead of its server', () => {
  const readyToBind = features(`<bind xmlns='${bind}'/>`)
  const mechanisms = (...names: string[]) =>
    `<mechanisms xmlns='${sasl}'>${names.map(name => `<mechanism>${name}</mechanism>`).join('')}</mechanisms>`
  const other = "<other xmlns='urn:x'/>"
  /** Without what is another one each time. */
  const sent = [
    ...[
      creation(),
      auth('SCRAM-SHA-1', ''),
      within(`<response xmlns="${sasl}" mechanism="SCRAM-SHA-1"></response>`),
    ],
    ...[restart, ask(`<bind xmlns="${bind}"><resource>balcony</resource></bind>`)],
  ]

  /** The server's side of SCRAM. */
  function scram(): { challenge: Answer; success: Answer } {
    let server: ScramServer | undefined
    const last = (said: readonly string[], name: string) => {
      const [, text = ''] = new RegExp(`<${name} [^>]*>([^<]+)<`).exec(said.join('')) ?? []
      return Buffer.from(text, 'base64').toString()
    }
    const element = (name: string, text: string) =>
      `<${name} xmlns='${sasl}'>${Buffer.from(text).toString('base64')}</${name}>`
    return {
      challenge(_id, said) {
        server = new ScramServer('SCRAM-SHA-1', last(said, 'auth'), {
          ...{ salt: Buffer.from('salt'), iterations: 4096, offersBinding: false, channel: () => undefined },
        })
        return element('challenge', server.serverFirst)
      },
      success: (_id, said) => element('success', server!.verify(last(said, 'response'), 's3cret')!),
    }
  }

  /** What its link reports at once, and what that reports when the server has said it. */
  function link(expected: readonly string[] = [offer('SCRAM-SHA-1'), readyToBind], isProven = true) {
    const element = (text: string) => ({
      name: 'features',
      namespace: 'http://etherx.jabber.org/streams',
      text,
    })
    const foresight = new Foresight(expected.map(element), isProven)
    const late = (text: string) => (foresight.came(element(text)) ? '' : text)
    return {
      foresight,
      ...scram(),
      opens: () => foresight.expected()!.text,
      /** In one reply with what follows. */
      says:
        (text: string, answer: Answer = ''): Answer =>
        (id, said) =>
          late(text) + (typeof answer === 'string' ? answer : answer(id, said)),
    }
  }

  async function logInAhead(answers: readonly Answer[], foresight: Foresight, bodies: string[] = []) {
    const signal = new AbortController().signal
    const { jid, said } = await logIn(answers, asked, signal, bodies, foresight, ['SCRAM-SHA-1', 'PLAIN'])
    return { jid, said: said.map(body => body.replace(/(<(?:auth|response) [^>]*>)[^<]*/, '$1')) }
  }

  test('hears nothing of features that are as expected', async () => {
    const { foresight, opens, says, challenge, success } = link()
    const answers = [opens, says(offer('SCRAM-SHA-1'), challenge), success, opens, says(readyToBind, bound)]
    const { jid, said } = await logInAhead(answers, foresight)
    expect(jid).toBe('juliet@chat.example/balcony')
    expect(said).toEqual(sent)
    expect([foresight.isAhead, foresight.isMistaken, foresight.isComplete]).toEqual([false, false, true])
  })

  test.each([
    [
      'with more beside them',
      features(mechanisms('SCRAM-SHA-1') + other),
      features(`${other}<bind xmlns='${bind}'/>`),
    ],
    [
      'with a session that is optional',
      features(other + mechanisms('SCRAM-SHA-1')),
      features(`<bind xmlns='${bind}'/><session xmlns='${session}'><optional/></session>`),
    ],
  ])('goes on where they are for a login the same, %s', async (_how, first, second) => {
    const { foresight, opens, says, challenge, success } = link()
    const answers = [opens, says(first, challenge), success, opens, says(second, bound)]
    const { said } = await logInAhead(answers, foresight)
    expect(said).toEqual(sent)
    expect([foresight.isMistaken, foresight.isComplete]).toEqual([true, true])
  })

  test('asks again where they come in a reply of their own', async () => {
    const { foresight, opens, says, challenge, success } = link()
    const differently = [
      features(mechanisms('SCRAM-SHA-1') + other),
      features(`${other}<bind xmlns='${bind}'/>`),
    ]
    const [first = '', second = ''] = differently
    const answers = [opens, says(first), challenge, success, opens, says(second), bound]
    const { jid, said } = await logInAhead(answers, foresight)
    expect(jid).toBe('juliet@chat.example/balcony')
    expect(said).toEqual([...sent.slice(0, 2), empty, ...sent.slice(2), empty])
  })

  test('goes on where the same is offered in another order', async () => {
    const types = (...names: string[]) =>
      `<sasl-channel-binding xmlns='urn:xmpp:sasl-cb:0'>${names.map(type => `<channel-binding type='${type}'/>`).join('')}</sasl-channel-binding>`
    const before = features(mechanisms('SCRAM-SHA-1', 'X-1') + types('tls-exporter', 'tls-unique'))
    const after = features(types('tls-unique', 'tls-exporter') + mechanisms('X-1', 'SCRAM-SHA-1'))
    const { foresight, opens, says, challenge, success } = link([before, readyToBind])
    const answers = [opens, says(after, challenge), success, opens, says(readyToBind, bound)]
    expect((await logInAhead(answers, foresight)).said).toEqual(sent)
  })

  test.each([
    ['without its mechanism', features(mechanisms('PLAIN'))],
    ['with one more', features(mechanisms('SCRAM-SHA-1', 'PLAIN'))],
    [
      'with channel binding',
      features(`${mechanisms('SCRAM-SHA-1')}<sasl-channel-binding xmlns='urn:xmpp:sasl-cb:0'/>`),
    ],
    ['that offer no login', readyToBind],
  ])('ends where the features come %s', async (_how, others) => {
    const { foresight, opens, says, challenge } = link()
    const said: string[] = []
    await expect(logInAhead([opens, says(others, challenge)], foresight, said)).rejects.toMatchObject({
      ...{ code: 'remote-protocol-error', step: 'sasl' },
    })
    expect(said).toHaveLength(2)
    expect([foresight.isAhead, foresight.isToBlame]).toEqual([true, true])
  })

  test.each([
    ['nothing to bind', features(other)],
    ['a session that is demanded', features(`<bind xmlns='${bind}'/><session xmlns='${session}'/>`)],
  ])('ends where the features after the login have %s', async (_what, others) => {
    const { foresight, opens, says, challenge, success } = link()
    const answers = [opens, says(offer('SCRAM-SHA-1'), challenge), success, opens, says(others, bound)]
    await expect(logInAhead(answers, foresight)).rejects.toMatchObject({
      ...{ code: 'remote-protocol-error', step: 'bind' },
    })
    expect(foresight.isToBlame).toBe(true)
  })

  test('takes no features any more once the server has answered', async () => {
    const { foresight, opens, says } = link()
    const again = says(offer('SCRAM-SHA-1'), `<challenge xmlns='${sasl}'/>${offer('SCRAM-SHA-1')}`)
    await expect(logInAhead([opens, again], foresight)).rejects.toMatchObject({
      code: 'remote-protocol-error',
    })
    expect(foresight.isToBlame).toBe(false)
  })

  test('is refused as any other is', async () => {
    const { foresight, opens, says } = link(undefined, false)
    const failure = `<failure xmlns='${sasl}'><not-authorized/></failure>`
    const attempt = logInAhead([opens, says(offer('SCRAM-SHA-1'), failure)], foresight)
    await expect(attempt).rejects.toMatchObject({ code: 'not-authorized', step: 'sasl' })
    expect([foresight.isAhead, foresight.isToBlame]).toEqual([false, false])
  })

  test('says no secret before the server has offered what to say it with', async () => {
    const { foresight, opens } = link([offer('PLAIN'), readyToBind])
    const said: string[] = []
    await expect(logInAhead([opens], foresight, said)).rejects.toMatchObject({ step: 'sasl' })
    expect(said).toHaveLength(1)
    expect(foresight.isToBlame).toBe(true)
  })
})

test('features that come again are refused where nothing was expected', async () => {
  const refusal = { code: 'remote-protocol-error', step: 'sasl' }
  await expect(logIn([offer('PLAIN'), offer('PLAIN')])).rejects.toMatchObject(refusal)
  await expect(logIn([offer('PLAIN') + offer('PLAIN')])).rejects.toMatchObject(refusal)
})

test.each([
  ['invalid-mechanism', 'It does not take PLAIN, though it offers it: see XMPP_MECHANISMS.'],
  ['mechanism-too-weak', 'It takes PLAIN for too weak: see XMPP_MECHANISMS.'],
  ['encryption-required', 'It wants the link to be encrypted before PLAIN: see tls=none in XMPP_SERVERS.'],
])('a mechanism that is refused with %s is named, and the setting for it', async (condition, detail) => {
  const failure = `<failure xmlns='${sasl}'><${condition}/></failure>`
  await expect(logIn([offer('PLAIN'), failure])).rejects.toMatchObject({
    code: 'no-mechanism',
    condition,
    detail,
  })
})

test('features without mechanisms are named as such', async () => {
  await expect(logIn([features(`<x xmlns='urn:x'/>`)])).rejects.toMatchObject({
    ...{ code: 'no-mechanism', detail: 'It offers none.' },
  })
})
