import { describe, expect, test } from '@jest/globals'
import { Router } from 'express'
import pino from 'pino'
import { SaxesParser } from 'saxes'
import request from 'supertest'
import { createApp } from '../src/app.js'
import { isLoopback } from '../src/http/secure-channel.js'
import { binding, config, credentials, fakeService } from './warm/fake-login.js'

/** Whether a page is well-formed XML in XHTML's namespace. */
function isXhtml(page: string): boolean {
  const parser = new SaxesParser({ xmlns: true })
  let root: string | undefined
  parser.on('error', error => {
    throw error
  })
  parser.on('opentag', tag => {
    root ??= `${tag.uri} ${tag.local}`
  })
  parser.write(page).close()
  return root === 'http://www.w3.org/1999/xhtml html'
}

describe('pages', () => {
  test.each([
    ['/', 200],
    ['/warm', 200],
    ['/nowhere', 404],
  ])('%s is well-formed XHTML under the label that the browser lists', async (path, status) => {
    const get = () =>
      request(fakeService().app)
        .get(path)
        .auth(...credentials)
    const html = await get()
    const xhtml = await get().set('Accept', 'text/html,application/xhtml+xml,*/*;q=0.8')
    expect([html.status, xhtml.status]).toEqual([status, status])
    expect(html.headers['content-type']).toBe('text/html; charset=utf-8')
    expect(xhtml.headers['content-type']).toBe('application/xhtml+xml; charset=utf-8')
    expect(isXhtml(html.text)).toBe(true)
  })

  test('allow no script, no frame and no style but their own', async () => {
    for (const path of ['/', '/warm', '/nowhere']) {
      const { headers, text } = await request(fakeService().app)
        .get(path)
        .auth(...credentials)
      expect(headers['content-security-policy']).toBe(
        "default-src 'none'; form-action 'self'; frame-ancestors 'none'; style-src 'self'",
      )
      expect(headers).toMatchObject({ 'x-content-type-options': 'nosniff', 'x-frame-options': 'DENY' })
      expect(headers).not.toHaveProperty('x-powered-by')
      expect(text).not.toMatch(/<script|<style| style=| on\w+=/)
    }
  })

  test('stay well-formed whatever the XMPP server bound', async () => {
    const jid = `a@chat.example/<b>&"'\u0001\ufffe\ud800]]>`
    const reply = await request(fakeService({ login: async () => ({ ...binding, jid }) }).app)
      .post('/warm')
      .auth(...credentials)
      .type('form')
      .send({ jid: 'a@chat.example', password: 'x' })
    expect(isXhtml(reply.text)).toBe(true)
    expect(reply.text).toContain('a@chat.example/&lt;b&gt;&amp;&quot;&#x27;\ufffd]]&gt;')
  })

  test('find their style sheet', async () => {
    const { app } = fakeService({ externalUrl: 'https://web.example/chat' })
    expect((await request(app).get('/')).text).toContain('href="/chat/assets/style.css"')
    const sheet = await request(app).get('/assets/style.css')
    expect([sheet.status, sheet.type]).toEqual([200, 'text/css'])
    expect((await request(app).get('/assets/')).status).toBe(404)
    expect((await request(app).get('/assets/%ff')).status).toBe(404)
  })

  test('begin with one that leads to the form', async () => {
    expect((await request(fakeService({ warmPath: '/w' }).app).get('/')).text).toContain('<a href="/w">')
  })
})

describe('the app', () => {
  test('answers an unknown path in the representation asked for', async () => {
    const reply = await request(fakeService().app).get('/nowhere').set('Accept', 'application/json')
    expect([reply.status, reply.type]).toEqual([404, 'application/problem+json'])
    expect(JSON.parse(reply.text)).toMatchObject({ code: 'not-found', title: 'Not Found' })
  })

  test('gives every request an id of its own', async () => {
    const { app } = fakeService()
    const ids = [await request(app).get('/'), await request(app).get('/')].map(
      reply => reply.headers['x-request-id'],
    )
    expect(ids[0]).toMatch(/^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/)
    expect(ids[1]).not.toBe(ids[0])
  })

  test('answers its own failure with 500 and keeps the details for the log', async () => {
    const router = Router().get('/broken', () => {
      throw new TypeError('a detail of ours')
    })
    const lines: string[] = []
    const app = createApp({
      config,
      login: async () => binding,
      release: () => {},
      log: pino({}, { write: line => lines.push(line) }),
      extraRouters: [router],
    })
    const reply = await request(app).get('/broken')
    expect(reply.status).toBe(500)
    expect(reply.text).toContain('internal-error')
    expect(reply.text).not.toMatch(/a detail of ours|TypeError|\.ts/)
    expect(lines).toHaveLength(1)
    const line = JSON.parse(lines[0]!)
    expect(line).toMatchObject({ level: 50, error: 'TypeError', requestId: reply.headers['x-request-id'] })
    expect(line.way[0]).toContain('app.test.ts')
  })
})

test.each([
  ['127.0.0.1', true],
  ['127.8.8.8', true],
  ['localhost', true],
  ['::1', true],
  ['[::1]', true],
  ['::ffff:127.0.0.1', true],
  ['0.0.0.0', false],
  ['::', false],
  ['10.0.0.1', false],
  ['127.evil.example', false],
  ['localhost.evil.example', false],
])('listening on %s is for this machine only: %p', (host, expected) => {
  expect(isLoopback(host)).toBe(expected)
})
