import { afterEach, describe, expect, test } from '@jest/globals'
import { BoshClient } from '../support/bosh-client.js'
import { makeCertificate } from '../support/certificates.js'
import { type LoginServer, type LoginServerOptions, startLoginServer } from '../support/login-server/server.js'
import { startWatchedService, type WatchedService } from '../support/login-server/watched-service.js'

const certificate = makeCertificate(['DNS:chat.example'])
const withSha384 = makeCertificate(['DNS:chat.example'], { hash: 'sha384' })
const alice = { jid: 'alice@chat.example', password: 'Pa55-of-alice' }
const bound = ['PLAIN', 'SCRAM-SHA-1', 'SCRAM-SHA-256', 'SCRAM-SHA-1-PLUS', 'SCRAM-SHA-256-PLUS']
const unbound = ['PLAIN', 'SCRAM-SHA-1', 'SCRAM-SHA-256']

let server: LoginServer
let service: WatchedService

afterEach(async () => {
  await service.emptied()
  expect(server.complaints).toEqual([])
  expect(server.connections.map(({ attempts }) => attempts)).toEqual(server.connections.map(() => 1))
  await service.stop()
  await server.stop()
})

async function start(options: Partial<LoginServerOptions>, environment: Record<string, string> = {}): Promise<void> {
  server = await startLoginServer({ domain: 'chat.example', certificate, mechanisms: bound, ...options })
  service = await startWatchedService([server], environment)
}

/** Warms a session and ends it; tells how the login was bound. */
async function warm(): Promise<string> {
  const { status, text } = await service.warm(alice)
  expect({ status, text: status === 200 ? '' : text }).toEqual({ status: 200, text: '' })
  const client = new BoshClient(`${service.url}/http-bind`, JSON.parse(text))
  await client.terminate()
  client.close()
  return `${server.last.mechanism} ${server.last.gs2Header}`
}

describe('a login is bound to its channel', () => {
  test.each<[string, Partial<LoginServerOptions>, string]>([
    ['over TLS 1.2', { tlsVersion: 'TLSv1.2' }, 'p=tls-unique,,'],
    [
      'over TLS 1.2, as listed',
      { tlsVersion: 'TLSv1.2', channelBindings: ['tls-exporter', 'tls-server-end-point', 'tls-unique'] },
      'p=tls-unique,,',
    ],
    [
      'over TLS 1.3, as listed',
      { tlsVersion: 'TLSv1.3', channelBindings: ['tls-server-end-point', 'tls-exporter'] },
      'p=tls-exporter,,',
    ],
    [
      'by the certificate over TLS 1.2',
      { tlsVersion: 'TLSv1.2', channelBindings: ['tls-server-end-point'] },
      'p=tls-server-end-point,,',
    ],
    [
      'by the certificate over TLS 1.3, with the hash that it is signed with',
      {
        ...{ tlsVersion: 'TLSv1.3', channelBindings: ['tls-unique', 'tls-server-end-point'] },
        ...{ certificate: withSha384, endPointHash: 'sha384' },
      },
      'p=tls-server-end-point,,',
    ],
  ])('%s', async (_how, options, header) => {
    await start(options)
    expect(await warm()).toBe(`SCRAM-SHA-256-PLUS ${header}`)
    // With what was remembered of the password, and another channel.
    expect(await warm()).toBe(`SCRAM-SHA-256-PLUS ${header}`)
  })

  test('over TLS 1.3 by the type that all should know, where nothing else may be used', async () => {
    await start({ tlsVersion: 'TLSv1.3' }, { XMPP_MECHANISMS: 'SCRAM-SHA-1-PLUS' })
    expect(await warm()).toBe('SCRAM-SHA-1-PLUS p=tls-exporter,,')
  })
})

describe('a login is not bound', () => {
  test.each<[string, Partial<LoginServerOptions>, string]>([
    ['where the server may not know the type', { tlsVersion: 'TLSv1.3' }, 'n,,'],
    ['without a type in common', { tlsVersion: 'TLSv1.3', channelBindings: ['tls-unique'] }, 'n,,'],
    ['where it is not offered over TLS 1.2', { tlsVersion: 'TLSv1.2', mechanisms: unbound }, 'y,,'],
    ['where it is not offered over TLS 1.3', { tlsVersion: 'TLSv1.3', mechanisms: unbound }, 'y,,'],
  ])('%s', async (_where, options, header) => {
    await start(options)
    expect(await warm()).toBe(`SCRAM-SHA-256 ${header}`)
  })

  test('where the operator does not want it', async () => {
    await start({ mechanisms: unbound }, { XMPP_MECHANISMS: 'SCRAM-SHA-1,PLAIN' })
    expect(await warm()).toBe('SCRAM-SHA-1 n,,')
  })

  test('on a plain link', async () => {
    server = await startLoginServer({ domain: 'chat.example', mechanisms: bound })
    service = await startWatchedService([server])
    expect(await warm()).toBe('SCRAM-SHA-256 n,,')
  })
})

describe('an attacker in between', () => {
  const refused = { status: 403, code: 'not-authorized', step: 'sasl', condition: 'not-authorized' }

  test.each(['TLSv1.2', 'TLSv1.3'] as const)('has another channel over %s, and gets nowhere', async tlsVersion => {
    await start({ tlsVersion, intercepted: true, channelBindings: ['tls-unique', 'tls-exporter'] })
    expect(await service.problem(alice)).toEqual(refused)
    expect(server.last.gs2Header).toMatch(/^p=/)
  })

  test.each(['TLSv1.2', 'TLSv1.3'] as const)('who hides the offer over %s is found out', async tlsVersion => {
    await start({ tlsVersion })
    server.script = {
      features: turn => turn.goOn(turn.usual.replaceAll(/<mechanism>[^<]*-PLUS<\/mechanism>/g, '')),
    }
    expect(await service.problem(alice)).toEqual(refused)
    expect(server.last.gs2Header).toBe('y,,')
  })

  test('cannot say that the user is in', async () => {
    await start({ tlsVersion: 'TLSv1.2' })
    server.script = { success: turn => turn.say("<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>") }
    expect(await service.problem(alice)).toEqual({ status: 502, code: 'server-not-authentic', step: 'sasl' })
  })
})
