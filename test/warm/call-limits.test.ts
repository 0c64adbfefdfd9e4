import { describe, expect, jest, test } from '@jest/globals'
import request from 'supertest'
import { Problem } from '../../src/lib/errors.js'
import type { Caller } from '../../src/warm/call-limits.js'
import { useFakeTimers } from '../support/fake-timers.js'
import { callLimits, config, type FakeService, fakeService, networks, parameters, warm } from './fake-login.js'

const user = 'juliet@chat.example'
const limitsOf = (about: { warmsPerJid: number }) => {
  const { ofUser } = callLimits({ rates: { ...config.rates, ...about } })
  return { ofUser, count: (caller: Caller) => ofUser(caller, async () => {}) }
}

describe('warm calls', () => {
  useFakeTimers({ hasTurns: true })

  test('for one user are limited per minute, however the JID is spelled', async () => {
    const limits = limitsOf({ warmsPerJid: 2 })
    await limits.count({ admin: 'portal', user })
    await limits.count({ admin: 'other', user: 'JULIET@Chat.Example' })
    jest.advanceTimersByTime(20_000)
    const refused = limits.count({ admin: 'portal', user })
    await expect(refused).rejects.toMatchObject({ code: 'too-many-requests', retryAfterSeconds: 40 })
    await limits.count({ admin: 'portal', user: 'romeo@chat.example' })
    jest.advanceTimersByTime(40_000)
    await limits.count({ admin: 'portal', user })
  })

  const passing = ['shutting-down', 'service-full', 'local-ports-exhausted'] as const

  test.each(passing)('that another process may repeat do not count: %s', async code => {
    const { ofUser } = limitsOf({ warmsPerJid: 1 })
    const refuse = () => Promise.reject(new Problem(code))
    for (const name of [user, user, undefined, undefined])
      await expect(ofUser({ admin: 'portal', user: name }, refuse)).rejects.toMatchObject({ code })
  })
})

describe('the password of an account that acts for others', () => {
  const rates = { ...config.rates, warmsPerJid: 3 }
  const refuse = () => Promise.reject(new Problem('not-authorized', { step: 'sasl' }))
  const call = (service: FakeService, number: number, password: string, account = 'portal') =>
    warm(service).send({ jid: `${account}@chat.example`, authzid: `user${number}@chat.example`, password })
  const codes = (replies: readonly { body: { code?: string } }[]) => replies.map(({ body }) => body.code)

  test('can be guessed as often per minute as a user has warm calls, for all users together', async () => {
    const service = fakeService({ rates, login: refuse })
    const guesses = Array.from({ length: 12 }, (_, number) => call(service, number, `guess ${number}`))
    const replies = await Promise.all(guesses)
    expect(service.logins).toHaveLength(3)
    expect(codes(replies).filter(code => code === 'not-authorized')).toHaveLength(3)
    expect(codes(replies).filter(code => code === 'too-many-requests')).toHaveLength(9)
    expect((await call(service, 1, 'guess', 'PORTAL')).status).toBe(429)
    expect((await call(service, 1, 'guess', 'other')).status).toBe(403)
  })
})

describe('a client whose address may not call the API', () => {
  const access = (allowed: string) => ({ ...config.access, warm: networks(allowed) })

  test.each([
    ['post', '/warm'],
    ['get', '/warm'],
    ['put', '/warm'],
    ['options', '/warm'],
    ['get', '/warm/sessions'],
    ['delete', `/warm/${'0'.repeat(32)}`],
    ['post', `/warm/${'0'.repeat(32)}/resume`],
  ] as const)('gets 403 before its credentials are checked: %s %s', async (method, path) => {
    const service = fakeService({ access: access('192.0.2.0/24') })
    const reply = await request(service.app)[method](path).accept('json')
    expect([reply.status, reply.body.code]).toEqual([403, 'address-forbidden'])
    expect(reply.headers['www-authenticate']).toBeUndefined()
    const line = { audit: true, msg: 'warm', code: 'address-forbidden', address: '127.0.0.1' }
    expect(service.lines()).toMatchObject([{ ...line, requestId: reply.headers['x-request-id'] }])
    expect(service.lines()[0]).not.toHaveProperty('admin')
  })

  test('is recognized by its own address if a trusted proxy sends it', async () => {
    const service = fakeService({ access: access('loopback, private, !10.9.0.0/16') })
    const statusFrom = async (from: string) =>
      (await warm(service).set('X-Forwarded-For', from).send(parameters)).status
    const clients = ['10.8.0.1', '10.9.0.1', '192.0.2.1', '127.0.0.1']
    expect(await Promise.all(clients.map(statusFrom))).toEqual([200, 403, 403, 200])
  })

  test('can open all other pages', async () => {
    const { app } = fakeService({ access: access('none') })
    expect((await request(app).get('/')).status).toBe(200)
    expect((await request(app).get('/warm')).status).toBe(403)
  })
})
