import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals'
import request from 'supertest'
import type { SessionState, SessionView } from '../../src/session/sessions.js'
import { createCallLimits } from '../../src/warm/call-limits.js'
import { config, fakeService, networks, parameters, warm } from './fake-login.js'

const user = 'juliet@chat.example'
const limitsOf = (about: { sessionsPerJid?: number; warmsPerJid?: number; warmsPerAdmin?: number }) =>
  createCallLimits({ limits: { ...config.limits, ...about }, rates: { ...config.rates, ...about } })

describe('warm calls', () => {
  beforeEach(() => {
    jest.useFakeTimers({ doNotFake: ['nextTick', 'setImmediate', 'queueMicrotask'] })
  })

  afterEach(() => {
    jest.useRealTimers()
  })

  test('for one user are so many in a minute, however the JID is spelt', async () => {
    const limits = limitsOf({ warmsPerJid: 2 })
    await limits.warmed({ admin: 'portal', user })
    await limits.warmed({ admin: 'other', user: 'JULIET@Chat.Example' })
    jest.advanceTimersByTime(20_000)
    const refused = limits.warmed({ admin: 'portal', user })
    await expect(refused).rejects.toMatchObject({ code: 'too-many-requests', retryAfterSeconds: 40 })
    await limits.warmed({ admin: 'portal', user: 'romeo@chat.example' })
    jest.advanceTimersByTime(40_000)
    await limits.warmed({ admin: 'portal', user })
  })

  test('of one admin are so many in a minute', async () => {
    const limits = limitsOf({ warmsPerAdmin: 1 })
    await limits.warmed({ admin: 'portal', user })
    await expect(limits.warmed({ admin: 'portal', user: 'romeo@chat.example' })).rejects.toMatchObject({
      ...{ code: 'too-many-requests', retryAfterSeconds: 60 },
    })
    await limits.warmed({ admin: 'other', user })
    jest.advanceTimersByTime(60_000)
    await limits.warmed({ admin: 'portal', user })
  })

  test('that found a session do not count', async () => {
    const limits = limitsOf({ warmsPerJid: 1, warmsPerAdmin: 1 })
    for (let view = 0; view < 10; view++) {
      await limits.warmed({ admin: 'portal', user })
      await limits.reused({ admin: 'portal', user })
    }
  })

  test('for anonymous users count for the admin only', async () => {
    const limits = limitsOf({ warmsPerJid: 1, warmsPerAdmin: 2 })
    await limits.warmed({ admin: 'portal', user: undefined })
    await limits.reused({ admin: 'portal', user: undefined })
    await limits.warmed({ admin: 'portal', user: undefined })
    await limits.warmed({ admin: 'portal', user: undefined })
    await expect(limits.warmed({ admin: 'portal', user: undefined })).rejects.toThrow()
  })
})

describe('sessions of one user', () => {
  const sessions = (...states: SessionState[]) => ({
    ofJid: async () => states.map(state => ({ state }) as SessionView),
  })

  test('may be so many, those left out that live elsewhere or have ended', async () => {
    const limits = limitsOf({ sessionsPerJid: 2 })
    const two = sessions('held', 'waiting', 'elsewhere', 'ended')
    await limits.demandRoom(sessions('quiet', 'elsewhere', 'elsewhere'), user, 1)
    await expect(limits.demandRoom(two, user, 1)).rejects.toMatchObject({
      code: 'too-many-sessions',
      status: 503,
    })
    await limits.demandRoom(two, user, 0)
  })

  test('may be any number where the limit is 0, and for anonymous users', async () => {
    await limitsOf({}).demandRoom(sessions('held', 'held'), user, 1)
    const one = limitsOf({ sessionsPerJid: 1 })
    await one.demandRoom(sessions('held', 'held'), undefined, 1)
  })
})

describe('an address that may not call', () => {
  const access = (allow: string, deny = 'none') => ({
    ...config.access,
    warm: { allow: networks(allow), deny: networks(deny) },
  })

  test.each([
    ['POST', '/warm'],
    ['GET', '/warm'],
    ['PUT', '/warm'],
    ['OPTIONS', '/warm'],
    ['GET', '/warm/sessions'],
    ['DELETE', `/warm/${'0'.repeat(32)}`],
    ['POST', `/warm/${'0'.repeat(32)}/resume`],
  ])('is refused with 403 before it is asked who it is: %s %s', async (method, path) => {
    const service = fakeService({ access: access('192.0.2.0/24') })
    const calls = request(service.app)
    const call = {
      POST: calls.post,
      GET: calls.get,
      PUT: calls.put,
      DELETE: calls.delete,
      OPTIONS: calls.options,
    }
    const reply = await call[method as keyof typeof call].call(calls, path).accept('json')
    expect([reply.status, reply.body.code]).toEqual([403, 'address-forbidden'])
    expect(reply.headers['www-authenticate']).toBeUndefined()
    expect(service.lines().at(-1)).toMatchObject({
      msg: 'warm',
      code: 'address-forbidden',
      address: '127.0.0.1',
    })
  })

  test('is that of the client, where a trusted proxy tells it', async () => {
    const service = fakeService({ access: access('loopback, private', '10.9.0.0/16') })
    const statusFrom = async (from: string) =>
      (await warm(service).set('X-Forwarded-For', from).send(parameters)).status
    expect(await Promise.all(['10.8.0.1', '10.9.0.1', '192.0.2.1', '127.0.0.1'].map(statusFrom))).toEqual([
      ...[200, 403, 403, 200],
    ])
  })

  test('sees everything else', async () => {
    const { app } = fakeService({ access: access('none') })
    expect((await request(app).get('/')).status).toBe(200)
    expect((await request(app).get('/warm')).status).toBe(403)
  })
})
