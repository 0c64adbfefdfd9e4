import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, test } from '@jest/globals'
import express from 'express'
import request from 'supertest'
import { AppRequest, AppResponse, nameApp, useMessages } from '../../src/http/messages.js'

/** An app that tells whether a message has the prototype that it came with. */
function createApp() {
  const app = express()
  useMessages(app)
  app.use((req, res, next) => {
    nameApp(app, req, res)
    next()
  })
  app.get('/', (req, res) => {
    const kept = [Object.getPrototypeOf(req), Object.getPrototypeOf(res)]
    res.json({
      isKept: kept[0] === AppRequest.prototype && kept[1] === AppResponse.prototype,
      isOurs: req.app === app && res.app === app,
      host: req.get('host') !== undefined,
    })
  })
  return app
}

test('Express leaves requests and responses as they are that have its prototypes from the start', async () => {
  const changed: unknown[] = []
  const app = createApp()
  const server = createServer({ IncomingMessage: AppRequest, ServerResponse: AppResponse }, (req, res) => {
    const before = [Object.getPrototypeOf(req), Object.getPrototypeOf(res)]
    app(req, res)
    changed.push(before[0] !== Object.getPrototypeOf(req) || before[1] !== Object.getPrototypeOf(res))
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  try {
    const { port } = server.address() as AddressInfo
    const { body } = await request(`http://127.0.0.1:${port}`).get('/')
    expect(body).toEqual({ isKept: true, isOurs: true, host: true })
    expect(changed).toEqual([false])
  } finally {
    server.close()
  }
})

test('others become such ones', async () => {
  const { body } = await request(createApp()).get('/')
  expect(body).toEqual({ isKept: true, isOurs: true, host: true })
})
