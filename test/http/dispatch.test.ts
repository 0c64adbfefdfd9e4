import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { describe, expect, test } from '@jest/globals'
import { atHost, atPath, belowPath } from '../../src/http/dispatch.js'

/** Which of the listeners a request reaches. */
function reached(
  build: (to: (name: string) => RequestListener) => RequestListener,
  request: object,
): string[] {
  const names: string[] = []
  const listener = build(name => () => void names.push(name))
  listener(request as IncomingMessage, {} as ServerResponse)
  return names
}

describe('the listener at a path', () => {
  test.each([
    ['/http-bind', 'here'],
    ['/http-bind/', 'here'],
    ['/http-bind?x=1', 'here'],
    ['/http-bind/?x=1', 'here'],
    ['/http-bindings', 'elsewhere'],
    ['/http-bind/x', 'elsewhere'],
    ['/http-bind//', 'elsewhere'],
    ['/HTTP-BIND', 'elsewhere'],
    ['/', 'elsewhere'],
    ['*', 'elsewhere'],
  ])('%s is %s', (url, name) => {
    expect(reached(to => atPath('/http-bind', to('here'), to('elsewhere')), { url })).toEqual([name])
  })
})

describe('the listener below a path', () => {
  test.each([
    ['/b.org/warm', 'here'],
    ['/b.org/warm/', 'here'],
    ['/b.org/warm?x=1', 'here'],
    ['/b.org/warm/sessions', 'here'],
    ['/b.org/warmth', 'elsewhere'],
    ['/B.org/warm', 'elsewhere'],
    ['/b.org', 'elsewhere'],
    ['*', 'elsewhere'],
  ])('%s is %s', (url, name) => {
    expect(reached(to => belowPath('/b.org/warm', to('here'), to('elsewhere')), { url })).toEqual([name])
  })
})

describe('the listener at a host', () => {
  const table = (to: (name: string) => RequestListener) =>
    atHost(
      new Map([
        ['chat.example.org', to('named')],
        ['[::1]', to('local')],
      ]),
      to('other'),
    )

  test.each([
    ['chat.example.org', 'named'],
    ['chat.example.org:8443', 'named'],
    ['CHAT.Example.org', 'named'],
    ['chat.example.org.', 'named'],
    ['[::1]:8080', 'local'],
    ['example.org', 'other'],
    ['chat.example.org.evil.example', 'other'],
    ['chat.example.org/x', 'other'],
    ['', 'other'],
    [undefined, 'other'],
  ])('%s is %s', (host, name) => {
    expect(reached(table, { headers: { host }, rawHeaders: [] })).toEqual([name])
  })

  test('is none where a request names two', () => {
    const seen: unknown[] = []
    const res = {
      writeHead(status: number, headers: readonly string[]) {
        seen.push(status, headers.slice(0, 4))
        return { end() {} }
      },
    }
    const rawHeaders = ['Host', 'chat.example.org', 'Accept', 'host', 'hOST', '[::1]']
    const request = { headers: { host: 'chat.example.org' }, rawHeaders }
    table(name => () => seen.push(name))(request as never, res as never)
    expect(seen).toEqual([400, ['Content-Length', '0', 'Connection', 'close']])
  })
})
