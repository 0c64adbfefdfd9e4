import { once } from 'node:events'
import { type IncomingMessage, request, type ServerResponse } from 'node:http'
import { afterEach, expect, jest, test } from '@jest/globals'
import type { Request, Response } from 'express'
import type { FoundOwner, Whereabouts } from '../../src/forwarding/whereabouts.js'
import type { Registry } from '../../src/session/registry/registry.js'
import { ForwardedCalls } from '../../src/warm/forwarded-calls.js'
import { freshPath, type Stage, setStage, socketAt } from '../forwarding/stage.js'
import { eventually } from '../support/eventually.js'
import { idOf } from './fake-sessions.js'

let stage: Stage

afterEach(() => stage.close())

/** A call for a session of a process that has died. */
function answer(calls: ForwardedCalls, req: IncomingMessage, res: ServerResponse, next: () => void): Promise<void> {
  const express = { params: { id: idOf(5) }, res, get: () => undefined }
  return calls.ofSession(
    Object.assign(req, express) as unknown as Request,
    Object.assign(res, { get: () => 'request' }) as unknown as Response,
    next,
  )
}

function callsAt(find: Whereabouts['find']): ForwardedCalls {
  const dead = () => ({ name: 'dead', link: stage.links.to(socketAt(freshPath())) })
  const whereabouts = { peers: { ownerIn: dead, noteGone() {} }, find } as unknown as Whereabouts
  return new ForwardedCalls(whereabouts, { byId: () => undefined } as unknown as Registry)
}

test('a call whose body is late is not lost with the link to its process', async () => {
  stage = await setStage({})
  const calls = callsAt(async () => undefined)
  const answered = new Promise(resolve => {
    stage.front.removeAllListeners('request').on('request', (req: IncomingMessage, res: ServerResponse) => {
      answer(calls, req, res, () => resolve('looked for here')).catch(resolve)
      // The link has failed by then.
      setImmediate(() => setImmediate(() => sent.end('{}')))
    })
  })
  const path = `/warm/${idOf(5)}/resume`
  const sent = request({ port: stage.port, agent: false, method: 'POST', path, headers: { 'Content-Length': 2 } })
  sent.on('error', () => {})
  sent.flushHeaders()
  expect(await answered).toBe('looked for here')
})

test.each([
  ['POST', []],
  ['DELETE', ['DELETE']],
])('a call with %s whose caller leaves while its session is looked for', async (method, forwarded) => {
  const arrived: unknown[] = []
  stage = await setStage({
    listener(req, res) {
      arrived.push(req.method)
      res.end()
    },
  })
  const found: ((place: FoundOwner) => void)[] = []
  const calls = callsAt(() => new Promise<FoundOwner>(resolve => found.push(resolve)))
  let isOver = false
  const next = jest.fn()
  stage.front.removeAllListeners('request').on('request', async (req: IncomingMessage, res: ServerResponse) => {
    const done = answer(calls, req, res, next)
    await eventually('a lookup', () => found.length > 0)
    req.socket.destroy()
    await once(res, 'close')
    found[0]!({ name: 'owner', link: stage.links.to(stage.address) })
    await done
    isOver = true
  })
  request({ port: stage.port, agent: false, method, path: `/warm/${idOf(5)}` })
    .on('error', () => {})
    .end()
  await eventually('its end', () => isOver)
  await eventually('what is forwarded', () => arrived.length === forwarded.length)
  expect([arrived, next.mock.calls.length]).toEqual([forwarded, forwarded.length === 0 ? 1 : 0])
})
