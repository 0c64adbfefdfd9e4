import { X509Certificate } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { SecureContext } from 'node:tls'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { ConfigError } from '../../../src/config/load.js'
import { Certificates } from '../../../src/http/listening/certificates.js'
import { makeCertificate } from '../../support/certificates.js'

let folder: string
const made = new Map<string, string>()
const names = {
  first: ['DNS:first.example', 'IP:127.0.0.1'],
  wild: ['DNS:*.example.org'],
  exact: ['DNS:chat.example.org', 'DNS:example.org'],
  changed: ['DNS:changed.example'],
}

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'warm-certificates-'))
  for (const [name, alternatives] of Object.entries(names)) {
    const { cert, key } = makeCertificate(alternatives, { commonName: 'common.example' })
    made.set(name, cert + key)
  }
}, 30_000)

afterAll(() => rmSync(folder, { recursive: true }))

const file = (name: string) => join(folder, `${name}.pem`)
const put = (name: string, content: string) => writeFileSync(file(name), content)

const open = () =>
  new Certificates({
    places: [],
    placesFrom: 'HOST',
    ciphers: undefined,
    minVersion: 'TLSv1.2',
    files: {
      certificates: ['first', 'wild', 'exact'].map(file),
      chains: [],
      keys: [],
      passphrase: undefined,
      passphraseFile: undefined,
      dhparam: 'auto',
    },
  })

beforeEach(() => {
  for (const name of ['first', 'wild', 'exact']) put(name, made.get(name)!)
})

/** The names in a certificate of a context; this is how the server itself sees it. */
function shown(context: SecureContext | undefined): string | undefined {
  const { context: native } = (context ?? {}) as { context?: { getCertificate(): Buffer } }
  return native && new X509Certificate(native.getCertificate()).subjectAltName
}

describe('a client that asks for', () => {
  test.each([
    ['a name in a certificate gets that', 'example.org', 'exact'],
    ['a name that a wildcard has as well gets the exact one', 'chat.example.org', 'exact'],
    ['a name that only a wildcard has gets that', 'web.example.org', 'wild'],
    ['a name in other letters gets the same', 'WEB.Example.ORG', 'wild'],
    ['the name of the first gets it', 'first.example', 'first'],
    ['a name two levels below a wildcard gets the usual one', 'a.b.example.org', undefined],
    ['a name that is in none gets the usual one', 'other.example', undefined],
    ['the common name of one gets the usual one', 'common.example', undefined],
  ] as const)('%s', (_what, name, expected) => {
    const context = open().contextFor(name)
    expect(shown(context)).toBe(expected && names[expected].join(', ').replace('IP:', 'IP Address:'))
  })
})

describe('reading again', () => {
  const problems = (certificates: Certificates) => {
    try {
      certificates.reload()
      return undefined
    } catch (error) {
      return (error as ConfigError).problems
    }
  }

  test('uses changed files', () => {
    const certificates = open()
    const before = certificates.usual
    put('first', made.get('changed')!)
    expect(certificates.reload()).toEqual([])
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

  test('warns that a certificate has expired, and uses it', () => {
    const { cert, key } = makeCertificate(['DNS:old.example'], { expired: true })
    const certificates = open()
    put('wild', cert + key)
    expect(certificates.reload()).toEqual([
      `The certificate in ${file('wild')} has expired on Jan  2 00:00:00 2020 GMT.`,
    ])
    expect(shown(certificates.contextFor('old.example'))).toBe('DNS:old.example')
  })

  test('at the start fails if there is no earlier certificate', () => {
    put('wild', '')
    expect(open).toThrow(ConfigError)
  })
})
