import { expect, test } from '@jest/globals'
import { createShownCertificates } from '../../../src/servers/net/shown-certificates.js'
import { FakeClock } from '../../support/fake-clock.js'

const hour = 3_600_000

function started() {
  const clock = new FakeClock()
  const certificates = createShownCertificates({ clock, isNamed: domain => domain !== 'any.example' })
  let reads = 0
  const show = (domain: string, expiry: number, server = '192.0.2.1:5222', authorized = true) =>
    certificates.note(domain, server, {
      authorized,
      getPeerCertificate() {
        reads += 1
        return { valid_to: new Date(expiry * 1000).toUTCString() } as never
      },
    })
  return { clock, show, reads: () => reads, all: () => Object.fromEntries(certificates.expiries) }
}

test('the metric reads a server’s certificate once a minute, and has the earliest expiry of its domain', () => {
  const { clock, show, reads, all } = started()
  for (let login = 0; login < 50; login++) show('example.org', 900)
  expect(reads()).toBe(1)
  show('example.org', 800, '192.0.2.2:5222')
  expect(all()).toEqual({ 'xmpp:example.org': 800 })
  clock.advance(60_000)
  show('example.org', 2000, '192.0.2.2:5222')
  expect(all()).toEqual({ 'xmpp:example.org': 900 })
})

test('the metric has only trusted certificates, and only of domains in the settings', () => {
  const { show, all } = started()
  show('example.org', 100)
  show('other.example', 100, undefined, false)
  show('any.example', 100)
  expect(all()).toEqual({ 'xmpp:example.org': 100 })
})

test('the metric has U-labels, and drops a domain a day after its last connection', () => {
  const { clock, show, all } = started()
  show('xn--mnchen-3ya.example', 100)
  clock.advance(20 * hour)
  show('b.example', 200)
  expect(Object.keys(all())).toEqual(['xmpp:münchen.example', 'xmpp:b.example'])
  clock.advance(5 * hour)
  expect(Object.keys(all())).toEqual(['xmpp:b.example'])
})

test('the metric has the last hundred servers', () => {
  const { show, all } = started()
  for (let at = 0; at <= 100; at++) show(`d${at}.example`, 100)
  expect(Object.keys(all())).toHaveLength(100)
})
