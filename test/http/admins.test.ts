import { describe, expect, test } from '@jest/globals'
import request from 'supertest'
import { fakeService, parameters, warm } from '../warm/fake-login.js'

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
    expect(reply.text).toContain('<title>Unauthorized</title>')
    expect(reply.text.match(/<p>.*<\/p>/g)).toEqual(['<p>Unauthorized</p>'])
    expect(reply.text).not.toContain('<dl')
    expect(reply.headers['cache-control']).toBe('no-store')
    expect(service.logins).toHaveLength(0)
  })

  test('is challenged for the form too, and in JSON where that is asked for', async () => {
    const { app } = fakeService()
    expect((await request(app).get('/warm')).status).toBe(401)
    const reply = await request(app).post('/warm').set('Accept', 'application/json')
    expect(reply.status).toBe(401)
    expect(reply.type).toBe('application/problem+json')
    expect(JSON.parse(reply.text)).toMatchObject({ status: 401, code: 'unauthorized', title: 'Unauthorized' })
  })

  test('may have a name like a JID and a UTF-8 secret with a colon', async () => {
    expect((await warm().type('form').send(parameters)).status).toBe(200)
  })

  test('is refused with 403 for a domain that is not theirs', async () => {
    const service = fakeService()
    const call = (jid: string) =>
      request(service.app).post('/warm').auth('portal', 'portal-secret').send({ jid, password: 'x' })
    expect((await call('juliet@chat.example')).status).toBe(200)
    const refused = await call('juliet@other.chat.example')
    expect(refused.status).toBe(403)
    expect(JSON.parse(refused.text)).toMatchObject({ code: 'forbidden' })
    expect(service.logins).toHaveLength(1)
  })
})
