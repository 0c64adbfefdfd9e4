import { afterEach, describe, expect, test } from '@jest/globals'
import { BoshClient } from '../support/bosh-client.js'
import { makeCertificate } from '../support/certificates.js'
import { type LoginServer, type LoginServerOptions, startLoginServer } from '../support/login-server/server.js'
import { startWatchedService, type WatchedService } from '../support/login-server/watched-service.js'

const certificate = makeCertificate(['DNS:chat.example'])
const withSha384 = makeCertificate(['DNS:chat.example'], { hash: 'sha384' })
const alice = { jid: 'alice@chat.example', password: 'Pa55-of-alice' }
const bound = ['PLAIN', 'SCRAM-SHA-1', 'SCRAM-SHA-256', 'SCRAM-SHA-1-PLUS', 'SCRAM-SHA-256-PLUS']

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

/** Warms a session and ends it. Returns the mechanism and the GS2 header of the login. */
async function warm(): Promise<string> {
  const { status, text } = await service.warm(alice)
  expect({ status, text: status === 200 ? '' : text }).toEqual({ status: 200, text: '' })
  const client = new BoshClient(`${service.url}/http-bind`, JSON.parse(text))
  await client.terminate()
  client.close()
  return `${server.last.mechanism} ${server.last.gs2Header}`
}

describe('a login uses channel binding', () => {
  test.each<[string, Partial<LoginServerOptions>, string]>([
    ['over TLS 1.2 with tls-unique by default', { tlsVersion: 'TLSv1.2' }, 'p=tls-unique,,'],
    [
      'over TLS 1.3 with tls-exporter, if the server lists it',
      { tlsVersion: 'TLSv1.3', channelBindings: ['tls-server-end-point', 'tls-exporter'] },
      'p=tls-exporter,,',
    ],
    [
      'over TLS 1.3 with tls-server-end-point, hashed as the certificate is signed',
      {
        ...{ tlsVersion: 'TLSv1.3', channelBindings: ['tls-unique', 'tls-server-end-point'] },
        ...{ certificate: withSha384, endPointHash: 'sha384' },
      },
      'p=tls-server-end-point,,',
    ],
  ])('%s', async (_how, options, header) => {
    await start(options)
    expect(await warm()).toBe(`SCRAM-SHA-256-PLUS ${header}`)
    // Again with the cached keys, over another TLS connection.
    expect(await warm()).toBe(`SCRAM-SHA-256-PLUS ${header}`)
  })
})

describe('a man in the middle', () => {
  const refused = { status: 403, code: 'not-authorized', step: 'sasl', condition: 'not-authorized' }

  test.each(['TLSv1.2', 'TLSv1.3'] as const)(
    'who relays the login over another %s connection is rejected',
    async tlsVersion => {
      await start({ tlsVersion, intercepted: true, channelBindings: ['tls-unique', 'tls-exporter'] })
      expect(await service.problem(alice)).toEqual(refused)
      expect(server.last.gs2Header).toMatch(/^p=/)
    },
  )

  test.each(['TLSv1.2', 'TLSv1.3'] as const)(
    'who removes the -PLUS mechanisms from the offer over %s is detected',
    async tlsVersion => {
      await start({ tlsVersion })
      server.script = {
        features: turn => turn.goOn(turn.usual.replaceAll(/<mechanism>[^<]*-PLUS<\/mechanism>/g, '')),
      }
      expect(await service.problem(alice)).toEqual(refused)
      expect(server.last.gs2Header).toBe('y,,')
    },
  )
})
