// The credentials that a login keeps for a later login, and the later login.

import { createSecretKey, randomBytes } from 'node:crypto'
import { inspect } from 'node:util'
import { describe, expect, test } from '@jest/globals'
import type { LoginKey } from '../../../src/config/config.js'
import { Problem, type ProblemCode } from '../../../src/lib/errors.js'
import { logInAgain, login } from '../../../src/servers/login/login.js'
import type { Credentials, LoginRequest, OperatorLogin } from '../../../src/servers/login/login-request.js'
import type { OpenForLogin } from '../../../src/servers/login/login-types.js'
import { Pipelining } from '../../../src/servers/login/pipelining.js'
import { reloginRecordOf, requestOf } from '../../../src/servers/login/relogin.js'
import type { ScramProof } from '../../../src/servers/login/sasl/mechanism.js'
import { readFeatures } from '../../../src/servers/login/stream-features.js'
import type { LinkOptions } from '../../../src/xmpp/link.js'
import {
  type Answer,
  bind,
  bound,
  features,
  late,
  loginParts,
  noHashes,
  offer,
  ScriptedLink,
  success,
  tick,
} from './scripted-link.js'
import { type ScramTerms, scram as scramOf } from './scripted-scram.js'

const password = 'the-Pa55word-itself'
const jid = { local: 'juliet', domain: 'chat.example', resource: 'balcony' }
const byPassword: LoginRequest = { jid, credentials: { kind: 'password', password }, ids: { requestId: 'r1' } }

const management = "<sm xmlns='urn:xmpp:sm:3'><optional/></sm>"
const readyToBind = features(`<bind xmlns='${bind}'/>${management}`)
const readyToBindAlone = features(`<bind xmlns='${bind}'/>`)

const mechanisms = ['SCRAM-SHA-256-PLUS', 'SCRAM-SHA-1-PLUS', 'SCRAM-SHA-256', 'SCRAM-SHA-1', 'PLAIN']

const scram = (terms: ScramTerms = {}) => scramOf({ knows: password, ...terms })

function logIn(answers: readonly Answer[], request = byPassword) {
  const open: OpenForLogin<ScriptedLink> = (options, events) => new ScriptedLink(answers, options, events)
  return login(loginParts(mechanisms), open, request, new AbortController().signal)
}

async function logInByScram(request = byPassword) {
  const side = scram()
  return await logIn([offer(side.name), side.challenge, side.end, readyToBind, bound], request)
}

async function requestWithKeys(request?: LoginRequest): Promise<LoginRequest & { credentials: { proof: ScramProof } }> {
  const { again } = await logInByScram(request)
  if (again?.credentials.kind !== 'keys') throw new Error('no keys')
  return again as LoginRequest & { credentials: { proof: ScramProof } }
}

/** The link has a channel binding. */
function beginAgain(answers: readonly Answer[], request: LoginRequest, caller = new AbortController()) {
  const dialed: { domain: string; options: LinkOptions; link: ScriptedLink }[] = []
  const link = logInAgain(
    loginParts(mechanisms, noHashes),
    (domain, options, events) => {
      const link = new ScriptedLink(answers, { certificate: false, ...options } as ScriptedLink['options'], events)
      const channelBinding = (type: string) => (type === 'tls-unique' ? Buffer.from('bytes') : undefined)
      link.facts = { ...link.facts, channelBinding }
      dialed.push({ domain, options, link })
      return link
    },
    request,
    'de',
    { previd: 's1', h: '7' },
    caller.signal,
  ).then(({ link }) => link)
  return { link, dialed }
}

describe('a login leaves for later logins', () => {
  test('the keys of SCRAM, and nothing of the password', async () => {
    const { again } = await logInByScram()
    expect(again).toEqual({ jid, credentials: { kind: 'keys', proof: expect.anything() } })
    const { proof } = (await requestWithKeys()).credentials
    expect(proof).toMatchObject({ hash: 'sha1', iterations: 4096, user: 'juliet', authzid: '' })
    const [salt, ...keys] = [proof.salt, proof.clientKey, proof.serverKey].map(text => Buffer.from(text, 'base64'))
    expect(salt!.toString()).toBe('salt')
    expect(keys.map(({ length }) => length)).toEqual([20, 20])
    const shown = inspect(again, { depth: null, showHidden: true, maxArrayLength: null }) + JSON.stringify(again)
    expect(shown).not.toContain(password)
    expect(shown).not.toContain(Buffer.from(password).toString('hex'))
  })

  const service: Credentials = { kind: 'service', account: { user: 'portal', password: 's3' } }
  const token: Credentials = { kind: 'token', token: 't0k', mechanism: 'X-TOKEN' }
  test.each<[Credentials, string, LoginRequest | undefined]>([
    [service, 'PLAIN', { jid, credentials: service }],
    [{ kind: 'certificate' }, 'EXTERNAL', { jid, credentials: { kind: 'certificate' } }],
    [token, 'X-TOKEN', { jid, credentials: token }],
    [{ kind: 'anonymous' }, 'ANONYMOUS', undefined],
  ])('its own credentials or nothing: %j', async (credentials, mechanism, expected) => {
    const request = { jid, credentials, ids: { requestId: 'r1' } }
    const { again } = await logIn([offer(mechanism), success, readyToBind, bound], request)
    expect(again).toEqual(expected)
  })
})

describe('a record of the credentials for another process', () => {
  const account = { user: 'portal', password }
  const written = (request: LoginRequest) => JSON.stringify(reloginRecordOf(request, 'de'))
  const read = (request: LoginRequest, ofSettings?: OperatorLogin) =>
    requestOf(JSON.parse(written(request)), ofSettings)

  test('has the keys', async () => {
    const request = await requestWithKeys({ jid, credentials: { kind: 'password', password, user: 'nurse' } })
    expect(read(request)).toEqual(request)
  })

  test('never has a password', async () => {
    const service: LoginRequest = { jid, credentials: { kind: 'service', account } }
    for (const request of [byPassword, service, await requestWithKeys()]) {
      const text = written(request) ?? ''
      for (const shown of ['utf8', 'base64', 'hex'] as const)
        expect(text).not.toContain(Buffer.from(password).toString(shown))
    }
    expect(reloginRecordOf(byPassword, 'de')).toBeUndefined()
  })

  test('of a service account uses the account in the settings there', () => {
    const service: LoginRequest = { jid, credentials: { kind: 'service', account } }
    const other: OperatorLogin = { kind: 'service', account: { user: 'portal', password: 'changed' } }
    expect(read(service, other)).toEqual({ jid, credentials: other })
    expect(read(service)).toBeUndefined()
  })

  test('of a signed login uses the key in the settings there, or the account', () => {
    const key: LoginKey = { alg: 'HS256', key: createSecretKey(randomBytes(32)), kid: undefined }
    const signed: OperatorLogin = { kind: 'signed', key }
    expect(written({ jid, credentials: signed })).not.toContain('key')
    for (const there of [signed, { kind: 'service', account } as const])
      expect(read({ jid, credentials: signed }, there)).toEqual({ jid, credentials: there })
  })

  test.each<[Credentials]>([[{ kind: 'token', token: 't0k', mechanism: 'X-TOKEN' }], [{ kind: 'certificate' }]])(
    'has %j',
    credentials => {
      expect(read({ jid, credentials, ids: { requestId: 'r1' } })).toEqual({ jid, credentials })
    },
  )
})

describe('stream management is requested', () => {
  const offerWithManagement = offer('PLAIN').replace('</stream', `${management}</stream`)

  test.each([
    ['is found in the features after SASL', offer('PLAIN'), readyToBind, true],
    ['is absent if these features lack it', offer('PLAIN'), readyToBindAlone, false],
    ['is absent if only the features before SASL have it', offerWithManagement, readyToBindAlone, false],
    ['is absent for another version', offer('PLAIN'), readyToBind.replace('urn:xmpp:sm:3', 'urn:xmpp:sm:2'), false],
  ])('%s', async (_what, first, second, expected) => {
    const { enabled, opened } = await logIn([first, success, second, bound])
    expect([enabled, opened.told.at(-1)?.includes('<enable ')]).toEqual([expected ? 'requested' : undefined, expected])
  })

  test.each([
    ['is in the received features, not in the expected', readyToBindAlone, readyToBind, true],
    ['is not in the received features, but in the expected', readyToBind, readyToBindAlone, false],
    ['is in the expected features, if none were received', readyToBind, '', true],
    ['is not in the expected features, if none were received', readyToBindAlone, '', false],
  ])('of a pipelined login: %s', async (_what, foreseen, came, expected) => {
    const side = scram()
    const pipelining = new Pipelining(
      [offer(side.name), foreseen].map(text => readFeatures(text)),
      1,
    )
    const memory = { foresee: () => pipelining, succeeded() {}, failed() {} }
    const answers: Answer[] = [late(offer(side.name), side.challenge), side.end, id => came + bound(id)]
    // `<enable/>` went to a server without stream management, so the login is repeated.
    const answersInTurn: Answer[] = [offer(side.name), side.challenge, side.end, came, bound]
    const { enabled, opened } = await login(
      loginParts(mechanisms, { pipelining: memory }),
      (options, events) => new ScriptedLink(options.ahead === undefined ? answersInTurn : answers, options, events),
      byPassword,
      new AbortController().signal,
    )
    expect(enabled).toBe(expected ? 'requested' : undefined)
    expect(opened.told.filter(text => text.includes('<enable '))).toHaveLength(expected ? 1 : 0)
  })
})

describe('a later login without the password', () => {
  const open = '<open/>'

  test('with keys leaves the stream authenticated, and does not restart it', async () => {
    const side = scram()
    const { link, dialed } = beginAgain([offer('PLAIN', side.name), side.challenge, side.end], await requestWithKeys())
    const [dial] = dialed
    expect(await link).toBe(dial!.link)
    expect(dial).toMatchObject({ domain: jid.domain, options: { lang: 'de', certificate: false, ahead: undefined } })
    const { told, gone } = dial!.link
    expect([told.length, told[0], gone]).toEqual([3, open, undefined])
    expect(side.server).toMatchObject({ user: 'juliet', authzid: '', gs2Header: 'y,,', complaint: undefined })
  })

  test('with keys has the same user and authzid as the first login', async () => {
    const request = await requestWithKeys({ jid, credentials: { kind: 'password', password, user: 'nurse' } })
    expect(request.credentials.proof).toMatchObject({ user: 'nurse', authzid: 'juliet@chat.example' })
    const side = scram()
    await beginAgain([offer(side.name), side.challenge, side.end], request).link
    expect(side.server).toMatchObject({ user: 'nurse', authzid: 'juliet@chat.example' })
  })

  test('with keys uses channel binding if the server offers it', async () => {
    const side = scram({ name: 'SCRAM-SHA-1-PLUS' })
    const offers = offer('SCRAM-SHA-256-PLUS', 'SCRAM-SHA-1', side.name)
    await beginAgain([offers, side.challenge, side.end], await requestWithKeys()).link
    expect(side.server.gs2Header).toBe('p=tls-unique,,')
  })

  test.each<[string, ScramTerms, ProblemCode, boolean]>([
    ['the server has another salt', { salt: 'tlas' }, 'credentials-expired', false],
    ['the server has other iterations', { iterations: 5000 }, 'credentials-expired', false],
    ['the password was changed with the same salt', { knows: 'another' }, 'not-authorized', true],
    ['the server’s signature is missing', { spoil: () => '' }, 'server-not-authentic', true],
  ])('with keys fails if %s', async (_what, terms, code, isProofSent) => {
    const side = scram(terms)
    const { link, dialed } = beginAgain([offer(side.name), side.challenge, side.end], await requestWithKeys())
    await expect(link).rejects.toMatchObject({ code, step: 'sasl' })
    const { told, gone } = dialed[0]!.link
    expect([told.length, gone]).toEqual([isProofSent ? 3 : 2, 'cut'])
  })

  test.each([['PLAIN'], ['SCRAM-SHA-256'], ['SCRAM-SHA-512-PLUS']])(
    'with keys sends nothing to a server that offers only %s',
    async name => {
      const { link, dialed } = beginAgain([offer(name)], await requestWithKeys())
      const detail = `It offers ${name}. This login needs one of: SCRAM-SHA-1-PLUS, SCRAM-SHA-1.`
      await expect(link).rejects.toMatchObject({ code: 'no-mechanism', step: 'sasl', detail })
      expect([dialed[0]!.link.told, dialed[0]!.link.gone]).toEqual([[open], 'cut'])
    },
  )

  test.each([
    ['keeps the stream resumable if its caller is cancelled', 'left', 'cut'],
    ['ends the stream if the session has ended', 'ended', 'abandoned'],
  ] as const)('%s', async (_what, reason, gone) => {
    const caller = new AbortController()
    const { link, dialed } = beginAgain(['', ''], await requestWithKeys(), caller)
    caller.abort(reason)
    await expect(link).rejects.toMatchObject({ code: 'timeout', detail: 'the caller left' })
    expect(dialed[0]!.link.gone).toBe(gone)
  })

  test('fails if the link ends in the same packet as the success', async () => {
    const side = scram()
    const request = await requestWithKeys()
    const answers: Answer[] = [offer(side.name), side.challenge]
    const { link, dialed } = beginAgain(answers, request)
    const outcome = link.catch(error => error)
    const scripted = dialed[0]!.link
    while (scripted.told.length < 3) await tick()
    scripted.say(side.end('', scripted.told))
    scripted.events.onEnd({ failure: { step: 'features', code: 'remote-stream-error', condition: 'system-shutdown' } })
    expect(await outcome).toBeInstanceOf(Problem)
    expect(await outcome).toMatchObject({ code: 'remote-stream-error', step: 'sasl', condition: 'system-shutdown' })
  })
})
