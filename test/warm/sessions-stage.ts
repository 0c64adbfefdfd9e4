// What the tests of sessions and their pages stand on.
import request from 'supertest'
import { credentials, fakeService } from './fake-login.js'
import { FakeSessions, idOf } from './fake-sessions.js'

export const json = 'application/json'
export const [one, two] = [idOf(1), idOf(2)]

/** An app with sessions that need no connection manager, calls by its admins, and time that stands still. */
export function setUp(settings: Parameters<typeof fakeService>[0] = {}) {
  let time = 0
  const sessions = new FakeSessions(() => time)
  const service = fakeService({ sessions, now: () => time, ...settings })
  const call =
    (method: 'get' | 'head' | 'post' | 'delete' | 'put' | 'options', as: readonly [string, string] = credentials) =>
    (path: string) =>
      request(service.app)
        [method](path)
        .auth(...as)
  return {
    sessions,
    service,
    get: call('get'),
    post: call('post'),
    remove: call('delete'),
    call,
    advance: (ms: number) => {
      time += ms
    },
  }
}

/** An admin of one domain. */
export const portal = ['portal', 'portal-secret'] as const
/** What the browser of an admin sends along from a page of ours. */
export const browser = { Origin: 'https://web.example', 'Sec-Fetch-Site': 'same-origin', Accept: 'text/html' }
/** The token of a form on a page. */
export const tokenIn = (page: string) => /name="csrf_token" value="([^"]+)"/.exec(page)![1]!
export const codeOf = ({ text }: { text: string }) => JSON.parse(text).code
