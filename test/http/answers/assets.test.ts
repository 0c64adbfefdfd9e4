import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { createServer } from 'node:http'
import { connect } from 'node:net'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import express from 'express'
import { createAssetsRouter } from '../../../src/http/answers/assets.js'
import { eventually } from '../../support/eventually.js'
import { ask } from '../../support/http-answer.js'
import { Listener } from '../../support/listener.js'

let listener: Listener

beforeEach(async () => {
  listener = await Listener.start(createServer(express().use(createAssetsRouter('1.0.0+git2026.aa11'))))
})

afterEach(() => listener.stop())

const get = (name: string, headers = {}, method = 'GET') => ask(`${listener.url}/${name}`, { headers, method })

test('a browser that has a file in its cache gets 304', async () => {
  const { headers } = await get('style.css')
  for (const condition of [{ 'If-None-Match': headers.etag! }, { 'If-Modified-Since': headers['last-modified']! }]) {
    const { status, text } = await get('style.css', condition)
    expect([status, text]).toEqual([304, ''])
  }
  expect((await get('style.css', { 'If-None-Match': '"another"' })).status).toBe(200)
})

test('the path of a module built between releases has a dot instead of the plus of its version', async () => {
  expect((await get('warm-bindings-1.0.0.git2026.aa11.js')).status).toBe(200)
})

test('HEAD is answered with the header alone', async () => {
  const [whole, { status, headers, text }] = [await get('strophe.js'), await get('strophe.js', {}, 'HEAD')]
  expect([status, headers['content-length'], text]).toEqual([200, String(whole.text.length), ''])
})

const descriptors = () => readdirSync('/proc/self/fd').length

test('no descriptor stays open for clients that ask repeatedly, read nothing and disconnect', async () => {
  await get('strophe.js')
  await eventually('its connection is closed', () => listener.open === 0)
  const before = descriptors()
  const sockets = Array.from({ length: 5 }, () => connect(listener.port, '127.0.0.1').pause())
  for (const socket of sockets) {
    socket.on('error', () => {}).write('GET /strophe.js HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(120))
  }
  await Promise.all(sockets.map(socket => once(socket, 'readable')))
  for (const socket of sockets) socket.destroy()
  await eventually('all are closed', () => descriptors() <= before)
})
