import { describe, expect, test } from '@jest/globals'
import request from 'supertest'
import { credentials, fakeService, parameters, warm } from './fake-login.js'

describe('the form', () => {
  const token = async (service: ReturnType<typeof fakeService>) => {
    const page = await request(service.app)
      .get('/warm')
      .auth(...credentials)
    return /name="csrf_token" value="([^"]+)"/.exec(page.text)![1]!
  }
  const post = (service: ReturnType<typeof fakeService>, headers: Record<string, string>, csrf_token = '') =>
    warm(service)
      .type('form')
      .set(headers)
      .send({ ...parameters, csrf_token })

  test('is shown with its fields and defaults', async () => {
    const service = fakeService({ externalUrl: 'https://web.example/chat' })
    const { status, text } = await request(service.app)
      .get('/warm')
      .auth(...credentials)
    expect(status).toBe(200)
    expect(text).toContain('<title>Warm Binding</title>')
    expect(text).toContain('<form method="post" action="/chat/warm">')
    expect(text.match(/(?<=<legend>)[^<]+/g)).toEqual(['Credentials', 'Connection Options'])
    expect(text).toMatch(/<input type="password"[^>]* name="password"[^>]* autocomplete="off"/)
    expect(text).toContain('<input type="submit" value="Bind" />')
    for (const [label, name, value] of [
      ['JID', 'jid', undefined],
      ['Password', 'password', undefined],
      ['Language', 'language', 'en'],
      ['Wait', 'wait', '60'],
      ['Hold', 'hold', '1'],
      ['BOSH Version', 'ver', '1.6'],
    ]) {
      expect(text).toContain(`<label for="${name}">${label}</label>`)
      const input = new RegExp(`<input [^>]*id="${name}" name="${name}"[^>]*>`).exec(text)![0]
      expect(/value="([^"]*)"/.exec(input)?.[1]).toBe(value)
    }
  })

  test('has no body for HEAD', async () => {
    const reply = await request(fakeService().app)
      .head('/warm')
      .auth(...credentials)
    expect([reply.status, reply.text]).toEqual([200, undefined])
  })

  test('is taken from here with its token', async () => {
    const service = fakeService()
    const csrf = await token(service)
    for (const headers of [
      { Origin: 'https://web.example', 'Sec-Fetch-Site': 'same-origin' },
      { Origin: 'null' },
      { 'Sec-Fetch-Site': 'none' },
    ]) {
      expect((await post(service, headers, csrf)).status).toBe(200)
    }
  })

  test('is refused without its token, after an hour, or from elsewhere even with it', async () => {
    let time = Date.now()
    const service = fakeService({ now: () => time })
    const csrf = await token(service)
    expect((await post(service, { Origin: 'https://web.example' })).status).toBe(403)
    expect((await post(service, { Origin: 'null' })).status).toBe(403)
    const elsewhere = await post(service, { Origin: 'https://evil.example' }, csrf)
    expect(elsewhere.status).toBe(403)
    expect(elsewhere.text).toContain('cross-site-request')
    expect((await post(service, { 'Sec-Fetch-Site': 'cross-site' }, csrf)).status).toBe(403)
    time += 3_600_000
    expect((await post(service, { Origin: 'https://web.example' }, csrf)).status).toBe(403)
    expect(service.logins).toHaveLength(0)
  })

  test('posts from elsewhere learn nothing of their parameters', async () => {
    const reply = await warm().type('form').set('Origin', 'https://evil.example').send('jid=x')
    expect(reply.status).toBe(403)
  })
})
