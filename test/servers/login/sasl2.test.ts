// Logins by SASL2 with Bind 2 (XEP-0388, XEP-0386), to a server that answers from a script.
import { createHmac } from 'node:crypto'
import { describe, expect, test } from '@jest/globals'
import { createFastTokens, type FastTokens } from '../../../src/servers/login/fast-tokens.js'
import { scramKeys } from '../../../src/servers/login/login.js'
import { LoginAttempt } from '../../../src/servers/login/login-attempt.js'
import type { Credentials, LoginRequest } from '../../../src/servers/login/login-request.js'
import type { OpenForLogin } from '../../../src/servers/login/login-types.js'
import { Pipelining } from '../../../src/servers/login/pipelining.js'
import { readFeatures } from '../../../src/servers/login/stream-features.js'
import type { Resumption } from '../../../src/xmpp/link.js'
import { droppedStanza } from '../../../src/xmpp/xml/element.js'
import { element } from '../../support/element.js'
import { type Answer, bind, features, late, loginParts, ScriptedLink, sasl, sasl2, tick } from './scripted-link.js'
import { scram as scramOf } from './scripted-scram.js'

const byPassword: Credentials = { kind: 'password', password: 's3cret' }
const juliet = { local: 'juliet', domain: 'chat.example', resource: undefined }

const bind2 = 'urn:xmpp:bind:0'
const sm = 'urn:xmpp:sm:3'
const mechanism = (name: string) => `<mechanism>${name}</mechanism>`
const toBind = (...vars: string[]) =>
  `<bind xmlns='${bind2}'><inline>${vars.map(name => `<feature var='${name}'/>`).join('')}</inline></bind>`
const offer = (name: string, inline = toBind(sm)) =>
  features(
    `<mechanisms xmlns='${sasl}'>${mechanism(name)}</mechanisms>` +
      `<authentication xmlns='${sasl2}'>${mechanism(name)}<inline>${inline}</inline></authentication>`,
  )
const jid = (text: string) => `<authorization-identifier>${text}</authorization-identifier>`
const balcony = jid('juliet@chat.example/balcony')
const enabled = `<enabled xmlns='${sm}' id='s1' resume='true'/>`
const notEnabled = `<failed xmlns='${sm}'><internal-server-error xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></failed>`
const bound = (inside = '') => `<bound xmlns='${bind2}'>${inside}</bound>`
const success = (inside: string) => `<success xmlns='${sasl2}'>${inside}</success>`
const message = (text: string) => `<message xmlns='jabber:client'><body>${text}</body></message>`

function scram(inside: string, spoil = (final: string) => final) {
  const { challenge, end } = scramOf({ inside, spoil })
  return [challenge, end] as const
}

interface Given {
  readonly credentials?: Credentials
  readonly resource?: string
  readonly pipelining?: Pipelining
  readonly until?: Resumption
  readonly tokens?: FastTokens
  readonly noResumption?: boolean
  readonly link?: { allowsManagement?: boolean; facts?: ScriptedLink['facts'] }
}

const allowed: ScriptedLink['facts'] = { encrypted: true, plainAllowed: true, sasl2Allowed: true }

const partsOf = ({ noResumption = false, tokens }: Given) =>
  loginParts(['SCRAM-SHA-1', 'PLAIN'], { tokens, linkResumeSeconds: noResumption ? undefined : 60 })

function begin(answers: readonly Answer[], given: Given = {}) {
  const { credentials = byPassword, resource } = given
  const request: LoginRequest = { jid: { ...juliet, resource }, credentials }
  const caller = new AbortController()
  let link: ScriptedLink | undefined
  const attempt = new LoginAttempt<ScriptedLink>(partsOf(given), request, given.until ?? 'bound', given.pipelining)
  const loggedIn = attempt.run((options, events) => {
    link = Object.assign(new ScriptedLink(answers, options, events), { facts: allowed }, given.link)
    return link
  }, caller.signal)
  return { loggedIn, leave: () => caller.abort(), link: () => link!, told: () => link!.told.map(shown) }
}

/** Without random parts. */
const shown = (text: string) =>
  text.replace(/ id=(['"])[^'"]+\1/, '').replace(/(<(?:initial-response|response[^>]*)>)[^<]*/, '$1')

async function logIn(answers: readonly Answer[], given: Given = {}) {
  const { loggedIn, link, told } = begin(answers, given)
  return { ...(await loggedIn), link: link(), told: told() }
}

const asked = (inline: string, name = 'SCRAM-SHA-1') =>
  `<authenticate xmlns="${sasl2}" mechanism="${name}"><initial-response></initial-response>${inline}</authenticate>`
const askToBind = (inside = '') => `<bind xmlns="${bind2}"><tag>warm-bindings</tag>${inside}</bind>`
const askToEnable = `<enable xmlns="${sm}" resume="true" max="60"/>`
const responded = `<response xmlns="${sasl2}"></response>`

describe('a login by SASL2', () => {
  test('binds, enables stream management, and needs no further features', async () => {
    const loggedIn = await logIn([offer('SCRAM-SHA-1'), ...scram(balcony + bound(enabled))])
    expect(loggedIn.told).toEqual(['<open/>', asked(askToBind(askToEnable)), responded])
    expect(loggedIn).toMatchObject({ jid: 'juliet@chat.example/balcony', enabled: { name: 'enabled' } })
    expect(loggedIn.again?.credentials.kind).toBe('keys')
  })

  test('leaves later stanzas to the page, but not the features', async () => {
    const later = features(`<sm xmlns='${sm}'/>`)
    const [challenge, end] = scram(balcony + bound(enabled))
    const together: Answer = (id, told) => end(id, told) + message('1') + later + message('2')
    const { undelivered } = await logIn([offer('SCRAM-SHA-1') + message('0'), challenge, together])
    expect(undelivered.map(({ text }) => text)).toEqual([message('1'), message('2')])
  })

  test.each<[string, string, string, string]>([
    ['cannot', 'urn:xmpp:carbons:2', '', askToBind()],
    ['does not', sm, notEnabled, askToBind(askToEnable)],
  ])('waits for the features if bind %s enable stream management', async (_how, offered, answered, wish) => {
    const answers = [offer('SCRAM-SHA-1', toBind(offered)), ...scram(balcony + bound(answered))]
    const { loggedIn, link, told } = begin(answers)
    let isOver = false
    void loggedIn.then(() => {
      isOver = true
    })
    while (told().length < 3) await tick()
    await tick()
    expect(isOver).toBe(false)
    link().say(message('1') + features(`<sm xmlns='${sm}'/>`))
    const { enabled, undelivered } = await loggedIn
    expect([enabled, undelivered.length]).toEqual(['requested', 1])
    expect(told()).toEqual(['<open/>', asked(wish), responded, askToEnable])
  })

  test.each([
    ['requests no resumption if it leaves no credentials for a later login', true, `<enable xmlns="${sm}"/>`],
    ['does not enable what the operator has turned off', false, ''],
  ])('%s', async (_what, allowsManagement, wish) => {
    const answer = success(balcony + bound(allowsManagement ? enabled : ''))
    const { told } = await logIn([offer('PLAIN'), answer], { link: { allowsManagement } })
    expect(told[1]).toBe(asked(askToBind(wish), 'PLAIN'))
  })

  test('binds a requested resource on the same stream', async () => {
    const iq = (id: string) =>
      `<iq xmlns='jabber:client' type='result' id='${id}'><bind xmlns='${bind}'><jid>juliet@chat.example/orchard</jid></bind></iq>`
    const [challenge, end] = scram(jid('juliet@chat.example'))
    const ready = features(`<bind xmlns='${bind}'/><sm xmlns='${sm}'/>`)
    const answers: Answer[] = [offer('SCRAM-SHA-1'), challenge, (id, told) => end(id, told) + ready, iq]
    const loggedIn = await logIn(answers, { resource: 'orchard' })
    expect([loggedIn.jid, loggedIn.enabled]).toEqual(['juliet@chat.example/orchard', 'requested'])
    expect(loggedIn.told).toEqual([
      ...['<open/>', asked(''), responded],
      `<iq xmlns='jabber:client' type='set'><bind xmlns="${bind}"><resource>orchard</resource></bind></iq>`,
      askToEnable,
    ])
  })

  const refused = (condition: string) => `<${condition} xmlns='${sasl}'/>`
  const failedBind = (condition: string) =>
    `<failed xmlns='${bind2}'><error xmlns='jabber:client' type='cancel'><${condition} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></failed>`

  test.each([
    ['a refusal', `<failure xmlns='${sasl2}'>${refused('not-authorized')}</failure>`, 'not-authorized'],
    ['a further task', `<continue xmlns='${sasl2}'><tasks><task>TOTP</task></tasks></continue>`, 'login-failed'],
    ['a success of SASL', `<success xmlns='${sasl}'/>`, 'remote-protocol-error'],
    ['no bound resource', success(balcony), 'remote-protocol-error'],
    ['no JID', success(bound(enabled)), 'remote-protocol-error'],
    ['a bare JID', success(jid('juliet@chat.example') + bound(enabled)), 'remote-protocol-error'],
    ["another user's JID", success(jid('romeo@chat.example/x') + bound(enabled)), 'jid-mismatch'],
    ['a refused resource', success(balcony + failedBind('not-allowed')), 'bind-refused'],
    ['a conflict', success(balcony + failedBind('conflict')), 'conflict'],
    ['features a second time', offer('PLAIN'), 'remote-protocol-error'],
  ])('fails if the answer is %s', async (_what, answer, code) => {
    await expect(logIn([offer('PLAIN'), answer])).rejects.toMatchObject({ code })
  })

  test.each([
    ['offered without TLS or turned off', offer('PLAIN'), { ...allowed, sasl2Allowed: false }],
    ['not offered', offer('PLAIN').replace(/<authentication.*<\/authentication>/, ''), allowed],
  ])('is not used if SASL2 is %s', async (_where, offered, facts) => {
    const { loggedIn, leave, told } = begin([offered], { link: { facts } })
    while (told().length < 2) await tick()
    leave()
    await expect(loggedIn).rejects.toMatchObject({ code: 'timeout' })
    expect(told()[1]).toMatch(/^<auth xmlns="urn:ietf:params:xml:ns:xmpp-sasl" mechanism="PLAIN">/)
  })
})

describe('a stream', () => {
  const toResume = `<sm xmlns='${sm}'/>`
  const resumption = { previd: 'a&b', h: '7' }
  const answer = (name: string) => `<${name} xmlns='${sm}' previd='a&amp;b' h='3'/>`

  test.each(['resumed', 'failed'])('is resumed within a login: %s', async name => {
    const [challenge, end] = scram(balcony + answer(name))
    const behind: Answer = (id, told) => end(id, told) + message('1') + features('') + message('2')
    const answers = [offer('SCRAM-SHA-1', toResume) + message('0'), challenge, behind]
    const loggedIn = await logIn(answers, { until: resumption, resource: 'balcony' })
    expect(loggedIn.told).toEqual([...['<open/>', asked(`<resume xmlns="${sm}" previd="a&amp;b" h="7"/>`), responded]])
    expect([loggedIn.answer?.name, loggedIn.again]).toEqual([name, undefined])
    expect(loggedIn.undelivered.map(({ text }) => text)).toEqual([message('1'), message('2')])
  })

  test('is resumed within a login: a stanza that is dropped behind the answer is told', async () => {
    const [challenge, end] = scram(balcony + answer('resumed'))
    const { loggedIn, link } = begin(
      [
        offer('SCRAM-SHA-1', toResume) + message('0'),
        challenge,
        (id, told) => {
          link().events.onDropped!()
          link().say(end(id, told) + message('1'))
          link().events.onDropped!(undefined, false)
          link().events.onDropped!()
          link().events.onDropped!(element(message('large')))
          return ''
        },
      ],
      { until: resumption, resource: 'balcony' },
    )
    expect((await loggedIn).undelivered).toEqual([
      expect.objectContaining({ text: message('1') }),
      droppedStanza,
      { ...element(message('large')), isDropped: true },
    ])
  })

  test('that is resumed has its features remembered: the next login is pipelined', async () => {
    const pipelining = new Pipelining()
    const answers = [offer('SCRAM-SHA-1', toResume), ...scram(balcony + answer('resumed'))]
    await logIn(answers, { until: resumption, pipelining })
    expect([pipelining.isComplete, pipelining.seen.length]).toEqual([true, 1])
  })

  test('is not resumed by a success without `<resumed/>`', async () => {
    const loggedIn = logIn([offer('SCRAM-SHA-1', toResume), ...scram(balcony)], { until: resumption })
    await expect(loggedIn).rejects.toMatchObject({ code: 'remote-protocol-error' })
  })

  test('is resumed after SASL if SASL2 cannot resume', async () => {
    const plain = `<success xmlns='${sasl}'/>`
    const { told, answer } = await logIn([offer('PLAIN'), plain], { until: resumption })
    expect([told[1]?.slice(0, 5), answer]).toEqual(['<auth', undefined])
  })
})

describe('SCRAM keys for a credential', () => {
  const keysBy = (answers: readonly Answer[]) => {
    const links: ScriptedLink[] = []
    const open: OpenForLogin<ScriptedLink> = (options, events) => {
      links.push(Object.assign(new ScriptedLink(answers, options, events), { facts: allowed }))
      return links[0]!
    }
    const request: LoginRequest = { jid: { ...juliet, resource: 'balcony' }, credentials: byPassword }
    return { keys: scramKeys(partsOf({}), open, request, new AbortController().signal), links }
  }

  test('come from a login that binds nothing, and log in later', async () => {
    const { keys, links } = keysBy([offer('SCRAM-SHA-1'), ...scram(jid('juliet@chat.example'))])
    const proof = await keys
    expect(links[0]!.told.map(shown)).toEqual(['<open/>', asked(''), responded])
    expect(links[0]!.gone).toBe('abandoned')
    const later = await logIn([offer('SCRAM-SHA-1'), ...scram(balcony + bound(enabled))], {
      credentials: { kind: 'keys', proof },
    })
    expect([later.jid, later.again?.credentials]).toEqual(['juliet@chat.example/balcony', { kind: 'keys', proof }])
  })

  test('do not exist without SCRAM, and the password is not sent', async () => {
    const { keys, links } = keysBy([offer('PLAIN')])
    await expect(keys).rejects.toMatchObject({ code: 'cannot-remember', status: 409, step: 'sasl' })
    expect(links[0]!.told).toEqual(['<open/>'])
    expect(links[0]!.gone).toBe('abandoned')
  })
})

describe('a FAST token (XEP-0484)', () => {
  const fast = 'urn:xmpp:fast:0'
  const offersTokens = `${toBind(sm)}<sm xmlns='${sm}'/><fast xmlns='${fast}'>${mechanism('HT-SHA-256-NONE')}</fast>`
  const granted = `<token xmlns='${fast}' token='t&amp;k' expiry='2030-01-01T00:00:00Z'/>`
  const agent = '<user-agent><software>warm-bindings</software></user-agent>'
  const requested = `${agent}<request-token xmlns="${fast}" mechanism="HT-SHA-256-NONE"/>`
  const failure = `<failure xmlns='${sasl2}'><not-authorized xmlns='${sasl}'/></failure>`

  const logInForToken = () =>
    logIn([offer('PLAIN', offersTokens), success(balcony + bound(enabled) + granted)], { tokens: createFastTokens() })

  async function grantedToken(): Promise<Extract<Credentials, { kind: 'fast' }>> {
    const { again } = await logInForToken()
    if (again?.credentials.kind !== 'fast') throw new Error('no token')
    return again.credentials
  }

  test('is requested with a password that leaves no keys', async () => {
    const { told, again } = await logInForToken()
    expect(told[1]).toBe(asked(`${requested}<bind xmlns="${bind2}">${askToEnable}</bind>`, 'PLAIN'))
    expect(again).toMatchObject({ credentials: { kind: 'fast' } })
  })

  test.each<[string, Given & { readonly name?: string }]>([
    ['SCRAM leaves keys', { name: 'SCRAM-SHA-1' }],
    ['nothing may be stored', { noResumption: true }],
    ['there is no stream management', { link: { allowsManagement: false } }],
    ['an account acts for the user', { credentials: { ...byPassword, user: 'portal' } }],
  ])('is not requested if %s', async (_where, { name = 'PLAIN', ...given }) => {
    const tokens = createFastTokens()
    const { loggedIn, leave, told } = begin([offer(name, offersTokens)], { tokens, ...given })
    while (told().length < 2) await tick()
    leave()
    await expect(loggedIn).rejects.toMatchObject({ code: 'timeout' })
    expect(told()[1]).not.toContain('request-token')
  })

  test('is not kept if it has more than 4,000 characters', async () => {
    const long = granted.replace('t&amp;k', 't'.repeat(4_001))
    const answers = [offer('PLAIN', offersTokens), success(balcony + bound(enabled) + long)]
    expect((await logIn(answers, { tokens: createFastTokens() })).again).toBeUndefined()
  })

  test('leaves its user agent to the next session if it is not issued, or the login fails', async () => {
    const tokens = createFastTokens()
    const { id, giveBack } = tokens.agentOf('juliet@chat.example')
    giveBack()
    await expect(logIn([offer('PLAIN', offersTokens), failure], { tokens })).rejects.toMatchObject({})
    const { again } = await logIn([offer('PLAIN', offersTokens), success(balcony + bound(enabled))], { tokens })
    expect(again).toBeUndefined()
    expect(tokens.agentOf('juliet@chat.example').id).toBe(id)
  })

  test('logs in again, resumes the stream, and is replaced by a new token', async () => {
    const credentials = await grantedToken()
    const { mechanism: name, user, agent: of } = credentials.token
    const proof = (who: string, secret: string) => createHmac('sha256', secret).update(who).digest('base64')
    const data = `<additional-data>${proof('Responder', 't&k')}</additional-data>`
    const answer = `<resumed xmlns='${sm}' previd='p' h='3'/>`
    const renewed = granted.replace('t&amp;k', 'new')
    const answers = [offer('PLAIN', offersTokens), success(data + balcony + answer + renewed)]
    const loggedIn = await logIn(answers, { credentials, until: { previd: 'p', h: '7' } })
    const { told, link, answer: resumed } = loggedIn
    expect([name, user, resumed?.name]).toEqual(['HT-SHA-256-NONE', 'juliet', 'resumed'])
    expect(told[1]).toBe(
      asked(`${agent}<fast xmlns="${fast}"/><resume xmlns="${sm}" previd="p" h="7"/>`, 'HT-SHA-256-NONE'),
    )
    expect(link.told[1]).toContain(`id="${of}"`)
    const first = `juliet\0${Buffer.from(proof('Initiator', 't&k'), 'base64').toString('latin1')}`
    expect(link.told[1]).toContain(`<initial-response>${Buffer.from(first, 'latin1').toString('base64')}<`)
    expect(Buffer.from(credentials.token.secret, 'base64').toString()).toBe('new')
  })

  test.each([
    ['sends no proof', offersTokens, success(balcony), 'server-not-authentic'],
    ['refuses it', offersTokens, failure, 'not-authorized'],
    ['no longer accepts tokens', toBind(sm), '', 'no-mechanism'],
  ])('fails if the server %s', async (_what, inline, answer, code) => {
    const credentials = await grantedToken()
    const resumes = inline.includes('<sm') ? inline : `${inline}<sm xmlns='${sm}'/>`
    const loggedIn = logIn([offer('PLAIN', resumes), answer], { credentials, until: { previd: 'p', h: '7' } })
    await expect(loggedIn).rejects.toMatchObject({ code })
  })
})

describe('a pipelined login by SASL2', () => {
  const foresee = (text: string) => new Pipelining([readFeatures(text)], 0)
  test('sends all expected requests at once', async () => {
    const pipelining = foresee(offer('SCRAM-SHA-1'))
    const [challenge, end] = scram(balcony + bound(enabled))
    const { told } = await logIn([late(offer('SCRAM-SHA-1'), challenge), end], { pipelining })
    expect(told).toEqual(["<open ahead='proven'/>", asked(askToBind(askToEnable)), responded])
    expect([pipelining.isMistaken, pipelining.isComplete]).toEqual([false, true])
  })

  test.each([
    ['no Bind 2', offer('SCRAM-SHA-1', '')],
    ['no stream management', offer('SCRAM-SHA-1', toBind())],
    ['no SASL2', offer('SCRAM-SHA-1').replace(/<authentication.*<\/authentication>/, '')],
    ['another mechanism', offer('PLAIN')],
  ])('fails if the features have %s', async (_what, others) => {
    const pipelining = foresee(offer('SCRAM-SHA-1'))
    const { loggedIn, told } = begin([others], { pipelining })
    await expect(loggedIn).rejects.toMatchObject({ code: 'remote-protocol-error', step: 'sasl' })
    expect([told().length, pipelining.isToBlame]).toEqual([2, true])
  })
})
