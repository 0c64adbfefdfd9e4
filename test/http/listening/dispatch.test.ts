import type { IncomingMessage, ServerResponse } from 'node:http'
import { describe, expect, test } from '@jest/globals'
import { createDispatcher } from '../../../src/http/listening/dispatch.js'

let reached: string[] = []
const to = (name: string) => () => void reached.push(name)

function reachedBy(listener: ReturnType<typeof createDispatcher>, request: object): string[] {
  reached = []
  listener({ headers: {}, rawHeaders: [], ...request } as unknown as IncomingMessage, {} as ServerResponse)
  return reached
}

const routesTo = (name: string) => ({ paths: new Map(), below: [], rest: to(name) })

const noted: string[] = []
const dispatcher = createDispatcher(
  new Map([['/healthz', to('health')]]),
  {
    routes: {
      hosts: new Map([
        ['chat.example.org', routesTo('named')],
        ['[::1]', routesTo('local')],
      ]),
      otherHosts: {
        ...routesTo('rest'),
        paths: new Map([['/http-bind', to('bosh')]]),
        below: [['/b.org/warm', to('warm')]],
      },
    },
  },
  (_request, reason) => void noted.push(reason),
)

test.each([
  ['/http-bind', 'bosh'],
  ['/http-bind?x=1', 'bosh'],
  ['/http-bind/?x=1', 'bosh'],
  ['/http-bindings', 'rest'],
  ['/http-bind/x', 'rest'],
  ['/http-bind//', 'rest'],
  ['/HTTP-BIND', 'rest'],
  ['/b.org/warm', 'warm'],
  ['/b.org/warm/', 'warm'],
  ['/b.org/warm/sessions', 'warm'],
  ['/b.org/warmth', 'rest'],
  ['/healthz', 'health'],
  ['/healthz?x=1', 'rest'],
  ['/', 'rest'],
  ['*', 'rest'],
])('the listener for %j is that of %s', (url, name) => {
  expect(reachedBy(dispatcher, { url })).toEqual([name])
})

describe('a Host header', () => {
  test.each([
    ['chat.example.org', 'named'],
    ['chat.example.org:8443', 'named'],
    ['CHAT.Example.org', 'named'],
    ['chat.example.org.', 'named'],
    ['[::1]:8080', 'local'],
    ['example.org', 'rest'],
    ['chat.example.org.evil.example', 'rest'],
    ['chat.example.org/x', 'rest'],
    ['', 'rest'],
    [undefined, 'rest'],
  ])('%s is %s', (host, name) => {
    expect(reachedBy(dispatcher, { url: '/', headers: { host } })).toEqual([name])
  })

  test('is ignored for health checks', () => {
    expect(reachedBy(dispatcher, { url: '/healthz', headers: { host: 'chat.example.org' } })).toEqual(['health'])
  })

  test('is unknown if a request has two of them', () => {
    const seen: unknown[] = []
    const res = {
      writeHead(status: number, headers: readonly string[]) {
        seen.push(status, headers.slice(0, 2))
        return { end: (text: string) => void seen.push(text) }
      },
    }
    const rawHeaders = ['Host', 'chat.example.org', 'Accept', 'host', 'hOST', '[::1]']
    const request = { url: '/', headers: { host: 'chat.example.org' }, rawHeaders }
    reached = []
    dispatcher(request as never, res as never)
    const sentence = 'The request has several Host headers.\n'
    expect([reached, seen, noted]).toEqual([[], [400, ['Connection', 'close'], sentence], ['several-hosts']])
  })
})

test('only POST requests may be held', () => {
  const bosh = Object.assign(to('bosh'), { holds: true })
  const routes = { hosts: new Map(), otherHosts: { ...routesTo('rest'), paths: new Map([['/http-bind', bosh]]) } }
  const { holds } = createDispatcher(new Map(), { routes }, () => {})
  const heldOf = (url: string) =>
    ['POST', 'GET', 'HEAD', 'OPTIONS'].filter(method => holds({ method, url } as IncomingMessage))
  expect([heldOf('/http-bind'), heldOf('/')]).toEqual([['POST'], []])
})
