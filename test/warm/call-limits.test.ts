import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals'
import request from 'supertest'
import { createCallLimits } from '../../src/warm/call-limits.js'
import { unnoted } from '../support/unlimited.js'
import { config, fakeService, networks, parameters, warm } from './fake-login.js'

const user = 'juliet@chat.example'
const limitsOf = (about: { warmsPerJid?: number; warmsPerAdmin?: number }) =>
  createCallLimits({ rates: { ...config.rates, ...about } }, unnoted)

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
      await limits.takenBack({ admin: 'portal', user })
    }
  })

  test('for anonymous users count for the admin only', async () => {
    const limits = limitsOf({ warmsPerJid: 1, warmsPerAdmin: 2 })
    await limits.warmed({ admin: 'portal', user: undefined })
    await limits.takenBack({ admin: 'portal', user: undefined })
    await limits.warmed({ admin: 'portal', user: undefined })
    await limits.warmed({ admin: 'portal', user: undefined })
    await expect(limits.warmed({ admin: 'portal', user: undefined })).rejects.toThrow()
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
