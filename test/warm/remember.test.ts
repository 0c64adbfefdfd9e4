import { createSecretKey, randomBytes } from 'node:crypto'
import { describe, expect, jest, test } from '@jest/globals'
import type { Config } from '../../src/config/config.js'
import { Problem, type ProblemCode } from '../../src/lib/errors.js'
import type { Logins, WarmRequest } from '../../src/warm/warming/session-login.js'
import { binding, config, type FakeParts, fakeService, keys, parameters, warm } from './fake-login.js'

const sealKeys = [createSecretKey(randomBytes(32))]
const jid = 'juliet@chat.example'

/** A service that keeps the keys of its logins. */
function setUp(parts: Partial<Config> & FakeParts = {}) {
  const proofs: unknown[] = []
  const login: Logins['login'] = async (asked, signal) => {
    const { credentials } = asked
    proofs.push(credentials.kind === 'keys' ? credentials.proof : credentials)
    return parts.login?.(asked, signal) ?? binding
  }
  const service = fakeService({ sealKeys, ...parts, login })
  const call = (more: object, accept = 'application/json') => warm(service).set('Accept', accept).send(more)
  const remember = async () => (await call({ ...parameters, remember: 'on' })).body.credential as string
  return { service, proofs, call, remember }
}

const told = (reply: { status: number; text: string }) => {
  const { code, detail } = JSON.parse(reply.text)
  return { status: reply.status, code, detail }
}

const failsWith = (code: ProblemCode) => () => Promise.reject(new Problem(code, { step: 'sasl' }))

describe('a warm call with remember', () => {
  test('returns a credential, and logs in with its keys', async () => {
    const keysOf = jest.fn(async (_request: WarmRequest) => keys)
    const { proofs, call, service } = setUp({ keysOf })
    const { status, body } = await call({ ...parameters, remember: true })
    expect([status, body.id]).toEqual([200, binding.id])
    expect(body.credential).toMatch(/^[\w-]{250,2048}$/)
    expect(keysOf.mock.calls[0]![0]).toMatchObject({ credentials: { kind: 'password', password: parameters.password } })
    expect(keysOf).toHaveBeenCalledTimes(1)
    expect(proofs).toEqual([keys])
    expect(service.lines()).toMatchObject([{ msg: 'warm', code: 'ok', login: 'password' }])
    expect(service.log()).not.toContain(body.credential)
  })

  test('opens no session if its keys do not log in again', async () => {
    const { call, service } = setUp({ login: failsWith('credentials-expired') })
    const reply = told(await call({ ...parameters, remember: 'on' }))
    expect(reply).toMatchObject({ status: 409, code: 'cannot-remember' })
    expect(service.lines()).toMatchObject([{ code: 'cannot-remember', step: 'sasl' }])
  })

  const refusals = ['not-authorized', 'credentials-expired', 'cannot-remember', 'timeout'] as const

  test.each(refusals)('fails like its first login: %s', async code => {
    const { call, proofs } = setUp({ keysOf: failsWith(code) })
    expect(told(await call({ ...parameters, remember: 'on' }))).toMatchObject({ code })
    expect(proofs).toEqual([])
  })

  test('counts as one call of its user, and not at all if the service stops', async () => {
    const rates = { ...config.rates, warmsPerJid: 1 }
    const stopping = setUp({ rates, keysOf: failsWith('shutting-down') })
    const wrong = setUp({ rates, keysOf: failsWith('not-authorized') })
    const right = setUp({ rates })
    const codes = []
    for (const { call } of [stopping, stopping, wrong, wrong, right, right])
      codes.push(told(await call({ ...parameters, remember: 'on' })).code)
    expect(codes).toEqual([
      ...['shutting-down', 'shutting-down', 'not-authorized', 'too-many-requests', undefined, 'too-many-requests'],
    ])
  })

  test('is rejected before any login if SEAL_KEY_FILE is missing', async () => {
    const { call, service } = setUp({ keysOf: failsWith('internal-error') })
    expect(told(await call({ ...parameters, remember: 'off' })).status).toBe(200)
    const without = setUp({ sealKeys: undefined, keysOf: failsWith('internal-error') })
    const detail = expect.stringContaining('SEAL_KEY_FILE')
    const refused = told(await without.call({ ...parameters, remember: 'on' }))
    expect(refused).toMatchObject({ status: 409, code: 'cannot-remember', detail })
    expect(without.proofs).toEqual([])
    expect(service.logins).toHaveLength(1)
  })

  test.each<[string, object]>([
    ['a token', { jid, token: 'abc' }],
    ['an account that acts for the user', { jid: 'portal@chat.example', password: 'x', authzid: jid }],
    ['a credential', { jid, credential: 'abc' }],
  ])('is rejected with %s', async (_what, more) => {
    const { call, service, remember } = setUp()
    const credential = 'credential' in more ? { credential: await remember() } : {}
    const before = service.logins.length
    const reply = told(await call({ ...more, ...credential, remember: 'on' }))
    expect(reply).toMatchObject({ status: 400, code: 'invalid-parameter' })
    expect(reply.detail).toContain('Parameter: remember.')
    expect(service.logins).toHaveLength(before)
  })

  test.each(['text/html', 'application/xhtml+xml'])('is rejected if the response is a page: %s', async accept => {
    const { call, service } = setUp()
    const reply = await call({ ...parameters, remember: 'on' }, accept)
    expect(reply.status).toBe(400)
    expect(service.logins).toEqual([])
  })
})

describe('a warm call with a credential', () => {
  test('logs in with its keys, for any resource', async () => {
    const { call, remember, proofs, service } = setUp()
    const credential = await remember()
    const { status, body } = await call({ jid: `${jid}/garden`, credential })
    expect([status, body.credential]).toEqual([200, undefined])
    expect(proofs.at(-1)).toEqual(keys)
    expect(service.lines().at(-1)).toMatchObject({ code: 'ok', jid, login: 'keys' })
    expect(service.log()).not.toContain(credential)
  })

  test.each<[string, (credential: string) => object]>([
    ['damaged', credential => ({ jid, credential: credential.toUpperCase() })],
    ["another user's", credential => ({ jid: 'romeo@chat.example', credential })],
  ])('that is %s is rejected with the same error, without a login', async (_what, parametersOf) => {
    const { call, remember, service } = setUp()
    const credential = await remember()
    const reply = await call(parametersOf(credential))
    const detail =
      'The credentials are expired or no longer valid. The credential is damaged or too old, or is for another admin, jid or SEAL_KEY_FILE.'
    expect(told(reply)).toEqual({ status: 403, code: 'credentials-expired', detail })
    expect(service.logins).toHaveLength(1)
    expect(service.lines().at(-1)).toMatchObject({ code: 'credentials-expired', jid: expect.anything() })
    expect(reply.text + service.log()).not.toContain(credential)
  })
})
