import { X509Certificate } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { SecureContext } from 'node:tls'
import { beforeEach, describe, expect, test } from '@jest/globals'
import { ConfigError, loadConfig } from '../../../src/config/load.js'
import { Certificates } from '../../../src/http/listening/certificates.js'
import { makeCertificate } from '../../support/certificates.js'
import { cpuTime } from '../../support/cpu-time.js'
import { required } from '../../support/settings.js'
import { testFolder } from '../../support/test-folder.js'

const { folder } = testFolder()
const made = new Map<string, string>()
const names = {
  first: ['DNS:first.example', 'IP:127.0.0.1'],
  wild: ['DNS:*.example.org'],
  exact: ['DNS:chat.example.org', 'DNS:example.org'],
  changed: ['DNS:changed.example'],
}

for (const [name, alternatives] of Object.entries(names)) {
  const { cert, key } = makeCertificate(alternatives, { commonName: 'common.example' })
  made.set(name, cert + key)
}

const file = (name: string) => join(folder, `${name}.pem`)
const put = (name: string, content: string) => writeFileSync(file(name), content)

const open = (certificates = ['first', 'wild', 'exact'].map(file)) =>
  new Certificates(loadConfig({ ...required, HTTPS_PORT: '0', TLS_CERT: certificates.join() }).config.https!)

beforeEach(() => {
  for (const name of ['first', 'wild', 'exact']) put(name, made.get(name)!)
})

function shown(context: SecureContext | undefined): string | undefined {
  const { context: native } = (context ?? {}) as { context?: { getCertificate(): Buffer } }
  return native && new X509Certificate(native.getCertificate()).subjectAltName
}

test.each([
  ['is the certificate with that name', 'example.org', 'exact'],
  ['is the certificate with the exact name, not a wildcard', 'chat.example.org', 'exact'],
  ['is the wildcard certificate if no other matches', 'web.example.org', 'wild'],
  ['does not depend on upper and lower case', 'WEB.Example.ORG', 'wild'],
  ['may be the first certificate', 'first.example', 'first'],
  ['is the default for a name two levels below a wildcard', 'a.b.example.org', undefined],
  ['is the default for an unknown name', 'other.example', undefined],
  ['is the default for a name that is only a common name', 'common.example', undefined],
] as const)('the certificate for a requested name %s', (_what, name, expected) => {
  const context = open().contextFor(name)
  expect(shown(context)).toBe(expected && names[expected].join(', ').replace('IP:', 'IP Address:'))
})

test('an unknown name is looked up fast, however many certificates there are', () => {
  const many = Array.from({ length: 1_000 }, (_, at) => `DNS:h${at}.example.net`)
  const { cert, key } = makeCertificate(many)
  put('wild', cert + key)
  const certificates = open()
  const start = cpuTime()
  const found = Array.from({ length: 4_000 }, (_, at) => certificates.contextFor(`x${at}.example.net`))
  expect(cpuTime() - start).toBeLessThan(500)
  expect(found.filter(context => context !== undefined)).toEqual([])
  expect(shown(certificates.contextFor('h999.example.net'))).toContain('h999')
})

describe('a reload of the certificates', () => {
  const problems = (certificates: Certificates) => {
    try {
      certificates.reload()
      return undefined
    } catch (error) {
      return (error as ConfigError).problems
    }
  }

  test('uses changed files, and gives a warning for an expired certificate', () => {
    const certificates = open()
    const before = certificates.usual
    put('first', made.get('changed')!)
    expect(certificates.reload()).toEqual([])
    const { cert, key } = makeCertificate(['DNS:old.example'], { expired: true })
    put('wild', cert + key)
    const warning = `The certificate in ${file('wild')} has expired on Jan  2 00:00:00 2020 GMT.`
    expect(certificates.reload()).toEqual([warning])
    expect(shown(certificates.contextFor('old.example'))).toBe('DNS:old.example')
    expect(certificates.usual.cert).not.toBe(before.cert)
    expect(shown(certificates.contextFor('changed.example'))).toBe('DNS:changed.example')
    expect(certificates.contextFor('first.example')).toBeUndefined()
  })

  test('changes nothing if one file is invalid', () => {
    const certificates = open()
    const before = certificates.usual
    put('first', made.get('changed')!)
    put('exact', 'half a fi')
    expect(problems(certificates)).toEqual([`TLS_CERT names ${file('exact')}, which is not a PEM file of certificates`])
    expect(certificates.usual).toBe(before)
    expect(certificates.contextFor('changed.example')).toBeUndefined()
    expect(shown(certificates.contextFor('chat.example.org'))).toContain('chat.example.org')
  })

  test('at the start fails if a file is invalid', () => {
    put('wild', '')
    expect(() => open()).toThrow(ConfigError)
  })
})

describe('a folder of certificates', () => {
  let of: string
  const place = (path: string, name: string) => {
    mkdirSync(dirname(join(of, path)), { recursive: true })
    writeFileSync(join(of, path), made.get(name)!)
  }
  const exposed = /chmod/
  const reloaded = (certificates: Certificates) => certificates.reload().filter(warning => !exposed.test(warning))

  beforeEach(() => {
    of = mkdtempSync(join(folder, 'of-'))
    place('a.pem', 'first')
    place('b.crt', 'wild')
    place('live/fullchain.pem', 'exact')
    place('live/privkey.pem', 'exact')
  })

  test('has certificates selected by name, and is read again with new and without deleted files', () => {
    const certificates = open([of])
    expect(shown(certificates.contextFor('chat.example.org'))).toContain('chat.example.org')
    expect(shown(certificates.contextFor('web.example.org'))).toBe('DNS:*.example.org')
    expect(certificates.usual.cert).toBe(open([join(of, 'a.pem')]).usual.cert)
    rmSync(join(of, 'b.crt'))
    place('c.pem', 'changed')
    expect(reloaded(certificates)).toEqual([])
    expect(shown(certificates.contextFor('changed.example'))).toBe('DNS:changed.example')
    expect(certificates.contextFor('web.example.org')).toBeUndefined()
  })

  test('keeps the previous certificate of a broken pair on reload, and renews the others', () => {
    const certificates = open([of])
    place('a.pem', 'changed')
    writeFileSync(join(of, 'b.crt'), 'half a fi')
    writeFileSync(join(of, 'new.pem'), 'half a fi')
    expect(reloaded(certificates)).toEqual([
      `TLS_CERT names ${join(of, 'b.crt')}, which is not a PEM file of certificates: the previous certificate stays`,
      `TLS_CERT names ${join(of, 'new.pem')}, which is not a PEM file of certificates: it is not used`,
    ])
    expect(shown(certificates.contextFor('changed.example'))).toBe('DNS:changed.example')
    expect(shown(certificates.contextFor('web.example.org'))).toBe('DNS:*.example.org')
    reloaded(certificates)
    expect(shown(certificates.contextFor('web.example.org'))).toBe('DNS:*.example.org')
  })
})
