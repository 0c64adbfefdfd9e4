import { expect } from '@jest/globals'
import type request from 'supertest'
import { isXhtml } from '../../support/xhtml.js'
import { asAdmin, credentials, fakeService } from '../fake-login.js'
import { FakeSessions, idOf } from '../fake-sessions.js'

export const json = 'application/json'
export const [one, two] = [idOf(1), idOf(2)]

/** An app with fake sessions. Only `advance` moves its time. */
export function setUp(settings: Parameters<typeof fakeService>[0] = {}) {
  let time = 0
  const now = () => time
  const sessions = new FakeSessions(now)
  const service = fakeService({ sessions, now, ...settings })
  const call =
    (method: 'get' | 'head' | 'post' | 'delete' | 'put' | 'options', as: readonly [string, string] = credentials) =>
    (path: string) =>
      asAdmin(service.app, as)[method](path)
  const advance = (ms: number) => {
    time += ms
  }
  return { sessions, service, get: call('get'), post: call('post'), remove: call('delete'), call, advance }
}

/** An app with one session. */
export function withSession(
  about: Parameters<FakeSessions['add']>[1] = {},
  settings?: Parameters<typeof fakeService>[0],
) {
  const set = setUp(settings)
  set.sessions.add(1, about)
  return set
}

/** An admin of one domain. */
export const portal = ['portal', 'portal-secret'] as const
/** Headers of a browser that sends a form of the service. */
export const browser = { Origin: 'https://web.example', 'Sec-Fetch-Site': 'same-origin', Accept: 'text/html' }
/** Sends a form of the service like a browser. */
export const submit = (call: request.Test, fields: object | string, headers: Record<string, string> = browser) =>
  call.set(headers).type('form').send(fields)
export const tokenIn = (page: string) => /name="csrf_token" value="([^"]+)"/.exec(page)![1]!
export const cookieOf = ({ headers }: { headers: Record<string, unknown> }) =>
  String(headers['set-cookie']).split(';', 1)[0]!
/** The page that a browser gets. It is well-formed. */
export async function pageOf(call: request.Test, status = 200): Promise<request.Response> {
  const page = await call.set('Accept', 'text/html')
  expect([page.status, status === 303 || isXhtml(page.text)]).toEqual([status, true])
  return page
}

/** The status and the code of an error in JSON. */
export async function refusalOf(call: request.Test): Promise<[status: number, code: string]> {
  const { status, text } = await call.set('Accept', json)
  return [status, JSON.parse(text).code]
}
