// Logins at a server that answers from a script.
import { describe, expect, test } from '@jest/globals'
import type { Step } from '../../../src/lib/errors.js'
import { type LoginParts, login } from '../../../src/servers/login/login.js'
import { LoginAttempt } from '../../../src/servers/login/login-attempt.js'
import type { LoginRequest } from '../../../src/servers/login/login-request.js'
import type { OpenForLogin } from '../../../src/servers/login/login-types.js'
import { Pipelining } from '../../../src/servers/login/pipelining.js'
import type { ScramProof } from '../../../src/servers/login/sasl/mechanism.js'
import { readFeatures } from '../../../src/servers/login/stream-features.js'
import { eventually } from '../../support/eventually.js'
import {
  type Answer,
  bind,
  bound,
  features,
  late,
  loginParts,
  offer,
  ScriptedLink,
  sasl,
  success,
  tick,
} from './scripted-link.js'
import { scram } from './scripted-scram.js'

const asked: LoginRequest = {
  jid: { local: 'juliet', domain: 'chat.example', resource: 'balcony' },
  credentials: { kind: 'password', password: 's3cret' },
}

const session = 'urn:ietf:params:xml:ns:xmpp-session'
const readyToBind = features(`<bind xmlns='${bind}'/>`)
const demandsSession = features(`<bind xmlns='${bind}'/><session xmlns='${session}'/>`)
const message = "<message xmlns='jabber:client'/>"
const brokenAt = (step: Step) => ({ code: 'remote-protocol-error', step })
const refused = (condition: string) => `<failure xmlns='${sasl}'><${condition}/></failure>`
const done = (id: string) => `<iq xmlns='jabber:client' type='result' id='${id}'/>`

const loginBy = (
  answers: readonly Answer[],
  credentials: LoginRequest['credentials'],
  mechanisms: readonly string[],
  more: Partial<LoginParts> = {},
) =>
  login<ScriptedLink>(
    loginParts(mechanisms, more),
    (options, events) => new ScriptedLink(answers, options, events),
    { ...asked, credentials },
    new AbortController().signal,
  )

interface Given {
  readonly request?: LoginRequest
  readonly caller?: AbortSignal
  readonly pipelining?: Pipelining
  readonly mechanisms?: readonly string[]
}

/** The server answers each text with the next of `answers`. */
function begin(answers: readonly Answer[], given: Given = {}) {
  const { request = asked, caller = new AbortController().signal } = given
  const { pipelining = new Pipelining(), mechanisms = ['PLAIN'] } = given
  const links: ScriptedLink[] = []
  const attempt = new LoginAttempt<ScriptedLink>(loginParts(mechanisms), request, 'bound', pipelining)
  const loggedIn = attempt.run((options, events) => {
    const link = new ScriptedLink(answers, options, events)
    links.push(link)
    return link
  }, caller)
  return { loggedIn, links, told: () => links[0]!.told.map(withoutId) }
}

const withoutId = (text: string) => text.replace(/ id='[^']+'/, '')

async function logIn(answers: readonly Answer[], given: Given = {}) {
  const { loggedIn, links, told } = begin(answers, given)
  const { jid, undelivered } = await loggedIn
  return { jid, undelivered, told: told(), link: links[0]! }
}

const open = '<open/>'
const auth = (mechanism: string, message: string) => `<auth xmlns="${sasl}" mechanism="${mechanism}">${message}</auth>`
const ask = (what: string) => `<iq xmlns='jabber:client' type='set'>${what}</iq>`
const plain = auth('PLAIN', Buffer.from('\0juliet\0s3cret').toString('base64'))
const askToBind = ask(`<bind xmlns="${bind}"><resource>balcony</resource></bind>`)

describe('a login by the service', () => {
  test('sends each element once, as servers expect', async () => {
    const { jid, told, link } = await logIn([offer('PLAIN'), success, readyToBind, bound])
    expect(jid).toBe('juliet@chat.example/balcony')
    expect(told).toEqual([open, plain, open, askToBind])
    expect(link.options).toEqual({ certificate: false, from: 'juliet@chat.example', ahead: undefined })
    expect(link.gone).toBeUndefined()
  })

  test('waits for late features, and requests a session if one is required', async () => {
    const request = { ...asked, jid: { ...asked.jid, resource: undefined } }
    const { loggedIn, links, told } = begin([''], { request })
    await tick()
    const [link] = links
    for (const text of [offer('PLAIN'), success, demandsSession]) {
      link!.say(text)
      await tick()
    }
    for (const answer of [bound, done]) {
      link!.say(answer(/ id='([^']+)'/.exec(link!.told.at(-1)!)![1]!))
      await tick()
    }
    expect((await loggedIn).jid).toBe('juliet@chat.example/balcony')
    const asks = [`<bind xmlns="${bind}"/>`, `<session xmlns='${session}'/>`].map(ask)
    expect(told()).toEqual([open, plain, open, ...asks])
  })

  test.each([
    ['under a prefix', (iq: string) => iq.replace('<iq xmlns=', '<c:iq xmlns:c=').replace('</iq>', '</c:iq>'), []],
    ['after answers to unknown requests', (iq: string) => done('1') + done('2') + iq, ['iq', 'iq']],
    ['among stanzas, which are kept', (iq: string) => `${message}${iq}${message}`, ['message', 'message']],
  ])('finds the answer to its bind request %s', async (_how, written, kept) => {
    const answers = [offer('PLAIN'), success, readyToBind]
    const { jid, undelivered } = await logIn([...answers, id => written(bound(id))])
    expect(jid).toBe('juliet@chat.example/balcony')
    expect(undelivered.map(({ name }) => name)).toEqual(kept)
  })

  const error = (inside: string) => (id: string) => `<iq xmlns='jabber:client' type='error' id='${id}'>${inside}</iq>`
  const because = (condition: string) => error(`<error type='cancel'><${condition} xmlns='s'/></error>`)

  test.each<[string, readonly Answer[], string, string | undefined]>([
    ['offers no binding after the login', [features('')], 'remote-protocol-error', undefined],
    ['answers the bind request with an empty result', [readyToBind, done], 'remote-protocol-error', undefined],
    ['refuses the resource', [readyToBind, because('not-allowed')], 'bind-refused', 'not-allowed'],
    ['reports a conflict', [readyToBind, because('conflict')], 'conflict', 'conflict'],
    ['gives no reason', [readyToBind, error('<error/>')], 'remote-protocol-error', undefined],
    ['sends no error element', [readyToBind, error('')], 'remote-protocol-error', undefined],
    ['rejects the session', [demandsSession, bound, because('not-allowed')], 'bind-refused', 'not-allowed'],
  ])('fails if the server %s', async (_what, answers, code, condition) => {
    const { loggedIn, links } = begin([offer('PLAIN'), success, ...answers])
    await expect(loggedIn).rejects.toMatchObject({ code, step: 'bind', condition })
    expect(links[0]!.gone).toBe('abandoned')
  })

  test.each([
    ['a failure', refused('not-authorized'), { code: 'not-authorized' }],
    ['success', success, brokenAt('sasl')],
    ['a challenge', `<challenge xmlns='${sasl}'/>`, brokenAt('sasl')],
  ])('sends no secret to a server that sends %s with its offer', async (_what, text, problem) => {
    const { loggedIn, told } = begin([offer('PLAIN') + text])
    await expect(loggedIn).rejects.toMatchObject(problem)
    await tick()
    expect(told()).toEqual([open])
  })

  test('fails if more elements arrive during the login than can be stored', async () => {
    const flood = message.repeat(1001)
    await expect(logIn([offer('PLAIN'), success, readyToBind + flood])).rejects.toMatchObject(brokenAt('bind'))
  })

  test.each([
    ['the bound JID', [readyToBind], bound],
    ['the session', [demandsSession, bound], done],
  ])('leaves to the client all that arrives in the same packet after %s', async (_what, answers, last) => {
    const flood = message.repeat(1500) + readyToBind + success
    const { jid, undelivered } = await logIn([offer('PLAIN'), success, ...answers, id => last(id) + flood])
    expect(jid).toBe('juliet@chat.example/balcony')
    expect(undelivered).toHaveLength(1502)
  })

  test('sends nothing if its caller has already disconnected', async () => {
    const { loggedIn, links } = begin([offer('PLAIN')], { caller: AbortSignal.abort() })
    await expect(loggedIn).rejects.toMatchObject({ code: 'timeout', step: 'connect' })
    expect(links).toEqual([])
  })

  test('fails with its link, at the step that it has reached', async () => {
    const { loggedIn, links, told } = begin([offer('PLAIN'), ''])
    await eventually('the credentials are sent', () => told().includes(plain))
    links[0]!.events.onEnd({ failure: { step: 'features', code: 'remote-stream-error', condition: 'reset' } })
    await expect(loggedIn).rejects.toMatchObject({ code: 'remote-stream-error', step: 'sasl', condition: 'reset' })
  })

  test('with a client certificate sends its user from the start', async () => {
    const request: LoginRequest = { ...asked, credentials: { kind: 'certificate' } }
    const { told, link } = await logIn([offer('EXTERNAL'), success, readyToBind, bound], { request })
    const jid = Buffer.from('juliet@chat.example').toString('base64')
    expect(link.options).toMatchObject({ certificate: true, from: 'juliet@chat.example' })
    expect(told.slice(0, 2)).toEqual([open, auth('EXTERNAL', jid)])
  })
})

describe('a pipelined login', () => {
  const mechanisms = (...names: string[]) =>
    `<mechanisms xmlns='${sasl}'>${names.map(name => `<mechanism>${name}</mechanism>`).join('')}</mechanisms>`
  const other = "<other xmlns='urn:x'/>"
  const ahead = "<open ahead='proven'/>"
  /** Without random parts. */
  const sent = [...[ahead, auth('SCRAM-SHA-1', ''), `<response xmlns="${sasl}"></response>`], ...[ahead, askToBind]]

  function foresee(expected: readonly string[] = [offer('SCRAM-SHA-1'), readyToBind], isProven = true) {
    const pipelining = new Pipelining(
      expected.map(text => readFeatures(text)),
      isProven ? 0 : undefined,
    )
    const { challenge, end: success } = scram()
    return { pipelining, challenge, success }
  }

  const mechanismsToUse = ['SCRAM-SHA-1', 'PLAIN']
  const beginAhead = (answers: readonly Answer[], pipelining: Pipelining) =>
    begin(answers, { pipelining, mechanisms: mechanismsToUse })

  async function logInAhead(answers: readonly Answer[], pipelining: Pipelining) {
    const { jid, told } = await logIn(answers, { pipelining, mechanisms: mechanismsToUse })
    return { jid, told: told.map(text => text.replace(/(<(?:auth|response) [^>]*>)[^<]*/, '$1')) }
  }

  test('ignores features if they are as expected', async () => {
    const { pipelining, challenge, success } = foresee()
    const answers = [late(offer('SCRAM-SHA-1'), challenge), success, late(readyToBind, bound)]
    const { jid, told } = await logInAhead(answers, pipelining)
    expect(jid).toBe('juliet@chat.example/balcony')
    expect(told).toEqual(sent)
    expect([pipelining.isAhead, pipelining.isMistaken, pipelining.isComplete]).toEqual([false, false, true])
  })

  test.each([
    ['by additional features', mechanisms('SCRAM-SHA-1') + other, other],
    ['by an optional session', mechanisms('SCRAM-SHA-1'), `<session xmlns='${session}'><optional/></session>`],
  ])('continues if the features differ only %s', async (_how, first, second) => {
    const { pipelining, challenge, success } = foresee()
    const ready = features(`${second}<bind xmlns='${bind}'/>`)
    const answers = [late(features(first), challenge), success, late(ready, bound)]
    const { told } = await logInAhead(answers, pipelining)
    expect(told).toEqual(sent)
    expect([pipelining.isMistaken, pipelining.isComplete]).toEqual([true, true])
  })

  test('continues if the same features come in another order', async () => {
    const types = (...names: string[]) =>
      `<sasl-channel-binding xmlns='urn:xmpp:sasl-cb:0'>${names.map(type => `<channel-binding type='${type}'/>`).join('')}</sasl-channel-binding>`
    const before = features(mechanisms('SCRAM-SHA-1', 'X-1') + types('tls-exporter', 'tls-unique'))
    const after = features(types('tls-unique', 'tls-exporter') + mechanisms('X-1', 'SCRAM-SHA-1'))
    const { pipelining, challenge, success } = foresee([before, readyToBind])
    const answers = [late(after, challenge), success, late(readyToBind, bound)]
    expect((await logInAhead(answers, pipelining)).told).toEqual(sent)
  })

  test.each([
    ['without its mechanism', offer('PLAIN')],
    ['with one more mechanism', offer('SCRAM-SHA-1', 'PLAIN')],
    [
      'with channel binding',
      features(`${mechanisms('SCRAM-SHA-1')}<sasl-channel-binding xmlns='urn:xmpp:sasl-cb:0'/>`),
    ],
    ['that offer no login', readyToBind],
  ])('fails if the features come %s', async (_how, others) => {
    const { pipelining, challenge } = foresee()
    const { loggedIn, told } = beginAhead([late(others, challenge)], pipelining)
    await expect(loggedIn).rejects.toMatchObject(brokenAt('sasl'))
    expect(told()).toHaveLength(2)
    expect([pipelining.isAhead, pipelining.isToBlame]).toEqual([true, true])
  })

  test.each([
    ['no bind', features(other)],
    ['a required session', demandsSession],
  ])('fails if the features after the login have %s', async (_what, others) => {
    const { pipelining, challenge, success } = foresee()
    const answers = [late(offer('SCRAM-SHA-1'), challenge), success, late(others, bound)]
    await expect(logInAhead(answers, pipelining)).rejects.toMatchObject(brokenAt('bind'))
    expect(pipelining.isToBlame).toBe(true)
  })

  test('fails if features follow the server’s answer', async () => {
    const { pipelining } = foresee()
    const again = late(offer('SCRAM-SHA-1'), `<challenge xmlns='${sasl}'/>${offer('SCRAM-SHA-1')}`)
    await expect(logInAhead([again], pipelining)).rejects.toMatchObject({ code: 'remote-protocol-error' })
    expect(pipelining.isToBlame).toBe(false)
  })

  test('is refused for a wrong password like any other', async () => {
    const { pipelining } = foresee(undefined, false)
    const attempt = logInAhead([late(offer('SCRAM-SHA-1'), refused('not-authorized'))], pipelining)
    await expect(attempt).rejects.toMatchObject({ code: 'not-authorized', step: 'sasl' })
    expect([pipelining.isAhead, pipelining.isToBlame]).toEqual([false, false])
  })

  const failure = { step: 'features', code: 'remote-connection-failed' } as const

  /** The first link ends after the first message. `later` acts at the second. */
  function logInAgain(pipelining: Pipelining, isStale: boolean, later?: (link: ScriptedLink) => void) {
    const links: ScriptedLink[] = []
    const blamed: boolean[] = []
    const repeated: readonly Answer[] = later === undefined ? [offer('PLAIN'), success, readyToBind, bound] : []
    const failed = (_domain: string, _it: Pipelining, isOther: boolean) => void blamed.push(!isOther)
    const parts = loginParts(mechanismsToUse, { pipelining: { foresee: () => pipelining, succeeded() {}, failed } })
    const open: OpenForLogin<ScriptedLink> = (options, events) => {
      const link = new ScriptedLink(links.length === 0 ? [] : repeated, options, events)
      if (links.push(link) > 1) later?.(link)
      else
        void eventually('it has been told all', () => link.told.length === 2).then(() =>
          events.onEnd({ failure, isStale }),
        )
      return link
    }
    const loggedIn = login(parts, open, asked, new AbortController().signal, 1)
    return { loggedIn, links, blamed }
  }

  test.each([
    ['of a spare link that had ended is repeated, once', true, true, 2],
    ['that ends is repeated, and blamed, if its server has not handled pipelining before', false, false, 2],
    ['that ends fails', false, true, 1],
  ])('on a connection %s', async (_what, isStale, isProven, opened) => {
    const { loggedIn, links, blamed } = logInAgain(foresee(undefined, isProven).pipelining, isStale)
    if (opened === 2) expect(await loggedIn).toMatchObject({ jid: 'juliet@chat.example/balcony' })
    else await expect(loggedIn).rejects.toMatchObject({ code: 'remote-connection-failed' })
    expect([links.length, blamed]).toEqual([opened, [!isStale]])
    expect(links[0]!.told.map(text => text.slice(0, 5))).toEqual(['<open', '<auth'])
    expect(links[1]?.options.ahead).toBeUndefined()
  })

  test.each([
    ['is not blamed if the server is down at the repeated login', true, 'remote-connection-failed'],
    ['is blamed if the repeated login takes too long', false, 'timeout'],
  ] as const)('that fails %s', async (_what, isDown, code) => {
    const { loggedIn, links, blamed } = logInAgain(foresee(undefined, false).pipelining, false, ({ events }) => {
      if (isDown) setImmediate(() => events.onEnd({ failure }))
    })
    await expect(loggedIn).rejects.toMatchObject({ code })
    expect([links.length, blamed]).toEqual([2, [!isDown]])
  })

  test.each<[string, LoginRequest['credentials'], string]>([
    ['a token', { kind: 'token', token: 't0k', mechanism: 'X-TOKEN' }, 'X-TOKEN'],
    ['an account that acts for the user', { kind: 'password', password: 'r', user: 'robot' }, 'PLAIN'],
    ['the service account', { kind: 'service', account: { user: 'robot', password: 'r' } }, 'PLAIN'],
  ])('is not attempted with %s, which the first message would contain', async (_what, credentials, mechanism) => {
    const foresee = () => {
      throw new Error('it is pipelined')
    }
    const answers = [offer(mechanism), success, readyToBind, bound]
    const parts = { pipelining: { foresee, succeeded() {}, failed() {} } }
    const { jid } = await loginBy(answers, credentials, ['PLAIN'], parts)
    expect(jid).toBe('juliet@chat.example/balcony')
  })

  test('sends no secret before the server has offered its mechanism', async () => {
    const { pipelining } = foresee([offer('PLAIN'), readyToBind])
    const { loggedIn, told } = beginAhead([], pipelining)
    await expect(loggedIn).rejects.toMatchObject({ step: 'sasl' })
    expect(told()).toEqual([ahead])
    expect(pipelining.isToBlame).toBe(true)
  })
})

test.each([
  ['invalid-mechanism', 'It offers PLAIN, but does not accept it: see XMPP_MECHANISMS.'],
  ['mechanism-too-weak', 'It considers PLAIN too weak: see XMPP_MECHANISMS.'],
  ['encryption-required', 'It requires an encrypted link for PLAIN: see tls=none in XMPP_SERVERS.'],
])('a refusal with %s is reported with the mechanism and the setting', async (condition, detail) => {
  const failed = logIn([offer('PLAIN'), refused(condition)])
  await expect(failed).rejects.toMatchObject({ code: 'no-mechanism', condition, detail })
})

test.each([
  ['a text before it', "<text xml:lang='en'>Go away</text><account-disabled/>", 'account-disabled', 'account-disabled'],
  ['no condition', '', 'login-failed', undefined],
  ['a condition that XMPP does not define', '<made-up-by-the-server/>', 'login-failed', undefined],
  ['a condition named like a property of objects', '<constructor/>', 'login-failed', undefined],
  ['a condition named like a prototype', '<__proto__/>', 'login-failed', undefined],
])('a refusal with %s is reported', async (_what, inner, code, condition) => {
  const refusal = logIn([offer('PLAIN'), `<failure xmlns='${sasl}'>${inner}</failure>`])
  await expect(refusal).rejects.toMatchObject({ code, step: 'sasl', condition })
})

test.each(['challenge', 'success'])('a <%s/> that is not base64 is a fault of the server', async name => {
  const answer = logIn([offer('PLAIN'), `<${name} xmlns='${sasl}'>%%%%</${name}>`])
  await expect(answer).rejects.toMatchObject(brokenAt('sasl'))
})

test('features without mechanisms are reported as no-mechanism', async () => {
  const refusal = { code: 'no-mechanism', detail: 'It offers none.' }
  await expect(logIn([features(`<x xmlns='urn:x'/>`)])).rejects.toMatchObject(refusal)
})

test('a server that offers nothing without encryption gets an answer that says what to do', async () => {
  const detail = /^It offers none on a link that is not encrypted\. Give the server a certificate, .*starttls_required/
  const { loggedIn, links } = begin([''])
  links[0]!.facts = { encrypted: false, plainAllowed: false }
  const failure = { step: 'features', code: 'no-mechanism', condition: 'undefined-condition' } as const
  links[0]!.events.onEnd({ failure })
  await expect(loggedIn).rejects.toMatchObject({ ...failure, detail: expect.stringMatching(detail) })
})

test('a refusal of the service account says that it was not the user', async () => {
  const credentials = { kind: 'service', account: { user: 'portal', password: 'old' } } as const
  await expect(loginBy([offer('PLAIN'), refused('not-authorized')], credentials, ['PLAIN'])).rejects.toMatchObject({
    ...{ code: 'not-authorized', step: 'sasl', condition: 'not-authorized', setting: 'XMPP_SERVICE_ACCOUNTS' },
    detail: 'It refused the service account, not the user: see XMPP_SERVICE_ACCOUNTS.',
  })
})

describe('a login by keys', () => {
  const key = Buffer.alloc(20, 1).toString('base64')
  const proof: ScramProof = {
    ...{ hash: 'sha1', iterations: 4096, user: 'juliet', authzid: '' },
    ...{ salt: Buffer.from('salt').toString('base64'), clientKey: key, serverKey: key },
  }
  const refusalOf = (answers: readonly Answer[], credentials: LoginRequest['credentials']) =>
    loginBy(answers, credentials, ['SCRAM-SHA-1']).then(
      () => undefined,
      error => error.code,
    )

  test.each([
    ['refuses the user', [offer('SCRAM-SHA-1'), refused('not-authorized')], 'not-authorized'],
    ['no longer offers the mechanism', [offer('PLAIN')], 'no-mechanism'],
  ])('has expired if the server %s', async (_what, answers, code) => {
    expect(await refusalOf(answers, { kind: 'keys', proof })).toBe('credentials-expired')
    expect(await refusalOf(answers, asked.credentials)).toBe(code)
  })

  test('may be repeated after another refusal', async () => {
    const answers = [offer('SCRAM-SHA-1'), refused('temporary-auth-failure')]
    expect(await refusalOf(answers, { kind: 'keys', proof })).not.toBe('credentials-expired')
  })
})
