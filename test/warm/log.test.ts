import { describe, expect, test } from '@jest/globals'
import request from 'supertest'
import { Problem } from '../../src/errors.js'
import { binding, failing, fakeService, parameters, warm } from './fake-login.js'

describe('the log', () => {
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
    expect(service.lines()).toEqual([
      expect.objectContaining({
        ...{ level: 30, admin: 'admin@host', jid: 'juliet@chat.example', code: 'ok', id: binding.id, ms: 25 },
        requestId: reply.headers['x-request-id'],
      }),
    ])
  })

  test('says of a failure what the caller is told, and the code of its cause', async () => {
    const cause = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' })
    const service = failing(new Problem('remote-connection-failed', { step: 'connect', cause }))
    await warm(service).send(parameters)
    expect(service.lines()).toMatchObject([
      { code: 'remote-connection-failed', step: 'connect', cause: 'ECONNREFUSED' },
    ])
  })

  test('and the replies never show a secret', async () => {
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
        warm(service).type('form').send(parameters),
        warm(service)
          .type('form')
          .send({ ...parameters, wait: parameters.password }),
        warm(service)
          .type('form')
          .send({ ...parameters, jid: parameters.password }),
        warm(service).type('form').send(`jid=a@chat.example&password=${parameters.password}%`),
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
