import { describe, expect, test } from '@jest/globals'
import express from 'express'
import { pino } from 'pino'
import request from 'supertest'
import { Problem } from '../../src/lib/errors.js'
import type { LogOften } from '../../src/lib/limits/minute-sums.js'
import { createOftenLog } from '../../src/warm/calls.js'
import { FakeClock } from '../support/fake-clock.js'
import { binding, config, failing, fakeService, parameters, warm, warmByForm } from './fake-login.js'

describe('the log of API calls', () => {
  test('has one line for a warm call', async () => {
    let time = 1000
    const service = fakeService({
      now: () => time,
      login: async () => {
        time += 25
        return binding
      },
    })
    const reply = await warm(service).send(parameters)
    const line = { level: 30, audit: true, address: '127.0.0.1', requestId: reply.headers['x-request-id'] }
    const about = { admin: 'admin@host', jid: 'juliet@chat.example', code: 'ok', id: binding.id, ms: 25 }
    expect(service.lines()).toMatchObject([{ ...line, ...about }])
  })

  test('has one line for each failed login of an admin, without unknown names', async () => {
    const service = fakeService()
    const call = (name: string) => request(service.app).post('/warm').auth(name, 'wrong-secret')
    await call('portal')
    await call('geheim-ü')
    await request(service.app).post('/warm').set('Authorization', 'Bearer x')
    await request(service.app).post('/warm')
    expect(service.lines().map(({ msg, admin, audit }) => [msg, admin, audit])).toEqual([
      ['admin login', 'portal', true],
      ['admin login', undefined, true],
      ['admin login', undefined, true],
      ['warm', undefined, undefined],
    ])
    const line = { level: 30, code: 'unauthorized', address: '127.0.0.1' }
    expect(service.lines()).toMatchObject([line, line, line, line])
    expect(service.log()).not.toContain('geheim')
  })

  test('has lines that any client can cause only once a minute, with their number', async () => {
    const clock = new FakeClock()
    const service = fakeService({ now: () => clock.now(), after: (ms, callback) => clock.after(ms, callback) })
    const { app } = service
    for (let time = 0; time < 5; time++) {
      await request(app).get('/nothing')
      await request(app).post('/warm').send(parameters)
      await request(app).put('/warm').send(parameters)
    }
    clock.advance(60_000)
    const told = service.lines().filter(({ level }) => level === 30)
    expect(told.map(({ code, count }) => `${count} ${code}`)).toEqual([
      ...['1 not-found', '1 unauthorized', '1 method-not-allowed'],
      ...['4 not-found', '4 unauthorized', '4 method-not-allowed'],
    ])
  })

  test('counts lines of other calls with the same cause, client and admin for themselves', async () => {
    const keys = new Set<string>()
    const log = pino({ level: 'silent' })
    const logOften: LogOften = key => keys.size !== keys.add(key).size
    const note = createOftenLog(config, { log, logOften })
    const app = express().use((req, res) => {
      for (const what of ['connect', 'admin login']) note(req, log, { code: 'unauthorized', admin: 'portal' }, what)
      res.end()
    })
    await request(app).get('/')
    expect(keys.size).toBe(2)
  })

  test('has the trace of an unexpected error, which is counted', async () => {
    const service = failing(new Error('a secret'))
    const { headers } = await warm(service).send(parameters)
    expect(service.lines()).toMatchObject([
      { level: 30, code: 'internal-error' },
      {
        level: 50,
        requestId: headers['x-request-id'],
        error: 'Error',
        way: expect.arrayContaining([expect.stringMatching(/^at /)]),
      },
    ])
    expect(service.counts.faults).toBe(1)
  })

  test('has the same code for a failure as the reply, and the code of its cause', async () => {
    const cause = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' })
    const service = failing(new Problem('remote-connection-failed', { step: 'connect', cause }))
    await warm(service).send(parameters)
    const code = 'remote-connection-failed'
    expect(service.lines()).toMatchObject([{ code, step: 'connect', cause: 'ECONNREFUSED' }])
  })

  test('has the kind of credentials, and the account if it is not the user', async () => {
    const service = fakeService({
      serviceAccounts: new Map([['chat.example', { user: 'bot', password: 'secret-of-bot' }]]),
      warm: { ...config.warm, anonymous: true },
    })
    const { jid } = parameters
    await warm(service).send(parameters)
    await warm(service).send({ ...parameters, authzid: 'romeo@chat.example/orchard' })
    await warm(service).send({ jid, token: 'token-of-juliet' })
    await warm(service).send({ jid })
    await warm(service).send({ jid: 'chat.example' })
    expect(service.lines().map(({ jid, login, account }) => [jid, login, account])).toEqual([
      ['juliet@chat.example', 'password', undefined],
      ['romeo@chat.example', 'password', 'juliet@chat.example'],
      ['juliet@chat.example', 'token', undefined],
      ['juliet@chat.example', 'service', 'bot@chat.example'],
      ['chat.example', 'anonymous', undefined],
    ])
  })

  test('the log and the replies never show a secret', async () => {
    const secrets = [parameters.password, 'gehe:im', 'portal-secret', 'wrong-secret']
    const unforeseen = new Error(`cannot log in with ${parameters.password}`)
    let seen = ''
    for (const service of [
      fakeService(),
      failing(unforeseen),
      failing(new Problem('internal-error', { cause: unforeseen })),
      failing(new Problem('not-authorized', { cause: unforeseen })),
    ]) {
      const calls = [
        warm(service).send(parameters),
        warmByForm(parameters, service),
        warmByForm({ ...parameters, wait: parameters.password }, service),
        warmByForm({ ...parameters, jid: parameters.password }, service),
        warmByForm(`jid=a@chat.example&password=${parameters.password}%`, service),
        warmByForm(`jid=a@chat.example&%3Cb%3E${parameters.password}=1`, service).set('Accept', 'text/html'),
        warm(service).send({ ...parameters, [parameters.password]: 1 }),
        warm(service).send({ jid: parameters.jid, token: parameters.password }),
        warm(service).send({ ...parameters, token: parameters.password }),
        warm(service).send({ jid: parameters.jid, token: `${parameters.password} ` }),
        warm(service).send({ jid: parameters.jid, token: 'x', mechanism: parameters.password }),
        warm(service).send({ ...parameters, authzid: parameters.password }),
        warm(service).type('json').send(`{"password":"${parameters.password}"`),
        warm(service).type('form').set('Origin', 'null').send(parameters),
        request(service.app).post('/warm').auth('admin@host', 'wrong-secret').send(parameters),
      ]
      for (const call of calls) {
        const reply = await call
        seen += JSON.stringify(reply.headers) + reply.text
      }
      seen += service.log()
      expect(service.log()).not.toContain(binding.sid)
      expect(service.log()).not.toContain('Basic ')
    }
    expect(seen).toContain('unauthorized')
    for (const secret of secrets) expect(seen).not.toContain(secret)
  })
})

test.each([
  ['a login that the stop ended', new Problem('session-not-found', { step: 'sasl' }), 404, 'session-not-found'],
  ['a login whose link closed', new Problem('remote-connection-failed', { step: 'sasl' }), 503, 'shutting-down'],
  ['a fault', new Error('a bug'), 500, 'internal-error'],
])('%s while the service begins to stop', async (_what, error, status, code) => {
  let isStopping = false
  const service = fakeService({
    isStopping: () => isStopping,
    login: async () => {
      isStopping = true
      throw error
    },
  })
  const reply = await warm(service).send(parameters)
  expect([reply.status, service.lines().find(({ msg }) => msg === 'warm')]).toMatchObject([status, { code }])
  const faults = service.lines().filter(({ msg }) => msg === 'failed')
  expect(faults.map(({ level }) => level)).toEqual(status === 500 ? [50] : [])
  expect(service.counts.faults).toBe(faults.length)
})
