import { describe, expect, test } from '@jest/globals'
import request from 'supertest'
import { cheapHash } from '../../support/cheap-hash.js'
import { config, fakeService, parameters } from '../../warm/fake-login.js'

describe('the admin', () => {
  const header = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`
  test.each([
    ['no credentials', undefined],
    ['another scheme', 'Bearer x'],
    ['a header that is not base64', 'Basic !!!'],
    ['a header without a colon', header('admin@host')],
    ['an unknown name', header('nobody:gehe:im-ü')],
    ['a wrong secret', header('admin@host:wrong')],
    ["another admin's secret", header('admin@host:portal-secret')],
    ['an empty secret', header('admin@host:')],
  ])('is challenged with 401 after %s, before the body is read', async (_what, authorization) => {
    const service = fakeService()
    const call = request(service.app).post('/warm').set('Content-Type', 'text/plain')
    if (authorization !== undefined) call.set('Authorization', authorization)
    const reply = await call.send('neither a form nor JSON')
    expect(reply.status).toBe(401)
    expect(reply.headers['www-authenticate']).toBe('Basic realm="HTTP Binding Warm", charset="UTF-8"')
    expect(reply.type).toBe('text/html')
    expect(reply.text).toContain('<title>Unauthorized · Warm Bindings</title>')
    expect(reply.text.match(/<p>.*<\/p>/g)).toEqual(['<p>Unauthorized</p>'])
    expect(reply.text).not.toContain('<dl')
    expect(reply.headers['cache-control']).toBe('no-store')
    expect(service.logins).toHaveLength(0)
  })

  test('is asked for a password in a browser too, and with a JSON error on request', async () => {
    const { app } = fakeService()
    expect((await request(app).get('/warm')).status).toBe(401)
    const reply = await request(app).post('/warm').set('Accept', 'application/json')
    expect(reply.status).toBe(401)
    expect(reply.type).toBe('application/problem+json')
    expect(JSON.parse(reply.text)).toMatchObject({ status: 401, code: 'unauthorized', title: 'Unauthorized' })
  })
})

describe('an admin whose secret is configured as a hash', () => {
  const serviceWith = (secret: string) =>
    fakeService({
      admins: [
        { name: 'hashed', secret, domains: ['*'], role: 'all' },
        { name: 'plain', secret: 'plain-secret', domains: ['*'], role: 'all' },
      ],
    })
  const call = (service: ReturnType<typeof fakeService>, name: string, secret: string) =>
    request(service.app).post('/warm').auth(name, secret).send(parameters)

  test('is accepted with the secret, later without hashing, and with no other secret', async () => {
    const hash = await cheapHash('open sesame')
    const service = serviceWith(hash)
    expect((await call(service, 'hashed', 'open sesame')).status).toBe(200)
    expect((await call(service, 'hashed', 'open sesame')).status).toBe(200)
    for (const wrong of ['open says me', hash]) expect((await call(service, 'hashed', wrong)).status).toBe(401)
    expect((await call(service, 'plain', 'open sesame')).status).toBe(401)
    expect((await call(service, 'nobody', 'open sesame')).status).toBe(401)
    expect((await call(service, 'plain', 'plain-secret')).status).toBe(200)
  })
})

test('a wrong secret costs as many hashes for an unknown name as for an admin, also past the limit', async () => {
  const secret = await cheapHash('open sesame')
  const admins = [{ name: 'portal', secret, domains: ['*'], role: 'all' as const }]
  const costs = async (...names: readonly string[]) => {
    let derived = 0
    const service = fakeService({
      rates: { ...config.rates, failedLogins: 1 },
      admins,
      hashes: work => {
        derived += 1
        return work()
      },
    })
    const after: number[] = []
    for (const name of names) {
      for (const status of [401, 429, 429]) {
        const reply = await request(service.app).post('/warm').auth(name, `wrong ${after.length} ${status}`)
        expect(reply.status).toBe(status)
        after.push(derived)
      }
    }
    return after
  }
  const ofUnknown = await costs('nobody', 'nobody else')
  expect(ofUnknown).toEqual([1, 1, 1, 2, 2, 2])
  expect(await costs('portal', 'nobody')).toEqual(ofUnknown)
  expect(await costs('nobody', 'portal')).toEqual(ofUnknown)
})
