import type { IncomingMessage } from 'node:http'
import { expect, test } from '@jest/globals'
import { readAbsoluteForm } from '../../../src/http/listening/absolute-form.js'

const read = (url: string) => {
  const req = { url, headers: { host: 'other.example' } } as unknown as IncomingMessage
  readAbsoluteForm(req)
  return [req.url, req.headers.host]
}

test.each([
  ['http://chat.example/http-bind', '/http-bind', 'chat.example'],
  ['HTTPS://chat.example:8443/warm/sessions?a=b', '/warm/sessions?a=b', 'chat.example:8443'],
  ['http://[::1]:80', '/', '[::1]:80'],
  ['http://chat.example?a', '/?a', 'chat.example'],
])('the target %s is %s of the host %s', (target, path, host) => {
  expect(read(target)).toEqual([path, host])
})

test.each([
  '/http-bind',
  '/http://a/b',
  '*',
  '',
  'http://',
  'http:///a',
  'ftp://a/b',
  'http://u:p@a/b',
  'http://a b/c',
])('the target %j stays as it is', target => {
  expect(read(target)).toEqual([target, 'other.example'])
})
