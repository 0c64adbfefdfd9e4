import { expect, test } from '@jest/globals'
import { negotiate } from '../../../src/http/answers/negotiation.js'

const browser = 'text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8'
const form = 'application/x-www-form-urlencoded'
const json = 'application/json'

test.each([
  [undefined, form, 'html'],
  [undefined, json, 'json'],
  ['*/*', `${json}; charset=utf-8`, 'json'],
  ['APPLICATION/JSON', form, 'json'],
  ['application/problem+json', form, 'json'],
  ['application/json, text/plain, */*', form, 'json'],
  ['application/json;q=0.5, text/html;q=0.4', form, 'json'],
  ['application/json; charset=utf-8; q=0.4, text/html; q = 0.5', form, 'html'],
  ['application/json, text/html', form, 'json'],
  ['text/html, application/json', form, 'html'],
  ['application/json;q=0.9, */*', form, 'html'],
  ['application/json;q=0', json, 'html'],
  [browser, form, 'xhtml'],
  ['application/xhtml+xml;q=0.5, text/html', form, 'html'],
  ['application/xhtml+xml, application/json;q=0.9', form, 'xhtml'],
  ['nonsense;;=,,;q', form, 'html'],
])('Accept: %s after a body of %s gives %s', (accept, contentType, representation) => {
  expect(negotiate({ accept, 'content-type': contentType })).toBe(representation)
})

test.each([
  [undefined, 'json'],
  ['text/html', 'html'],
  [browser, 'xhtml'],
])('Accept: %s at a JSON endpoint gives %s', (accept, representation) => {
  expect(negotiate({ accept }, 'json')).toBe(representation)
})
