// Which server the service connects to, with a real resolver and a name server of the test.
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { BoshClient } from '../support/bosh-client.js'
import { makeCertificate } from '../support/certificates.js'
import { DnsServer, type Zone } from '../support/dns-server.js'
import { type LoginServer, startLoginServer } from '../support/login-server/server.js'
import { startTestService, type TestService } from '../support/start-service.js'

const alice = { jid: 'alice@chat.example', password: 'Pa55-of-alice' }
const certificate = makeCertificate(['DNS:chat.example'])

let server: LoginServer
let nameServer: DnsServer
let service: TestService | undefined

beforeEach(async () => {
  server = await startLoginServer({ domain: 'chat.example', certificate })
  nameServer = await DnsServer.start({})
})

afterEach(async () => {
  await service?.stop()
  service = undefined
  nameServer.stop()
  await server.stop()
})

/** Warms alice with a service that asks the name server of the test. */
async function warm(zone: Zone, environment: Record<string, string> = {}) {
  nameServer.zone = zone
  service = await startTestService({
    dns: nameServer.dns,
    environment: { XMPP_DOMAINS: 'chat.example', ...environment },
  })
  const { status, json } = await service.warm(alice)
  const { code, step } = json
  expect(service.service.counts()).toMatchObject({ links: 0 })
  return { status, code, step }
}

/** Zone lines for a server of the domain at this name and port. */
const at = (host: string, port: number): Zone => ({
  'SRV _xmpp-client._tcp.chat.example': [`60 0 0 ${port} ${host}`],
})
const loopback: Zone = { 'A xmpp.chat.example': ['60 127.0.0.1'] }

describe('with XMPP_DOMAINS=*', () => {
  const any = { XMPP_DOMAINS: '*' }

  test.each(['127.0.0.1', '10.0.0.1', '192.168.1.1', '169.254.169.254'])(
    'a domain whose server is at %s gets 403, and no connection is opened',
    async address => {
      const zone = { ...at('xmpp.chat.example', server.port), 'A xmpp.chat.example': [`60 ${address}`] }
      expect(await warm(zone, any)).toEqual({ status: 403, code: 'address-not-allowed', step: 'connect' })
      expect(server.connections.length).toBe(0)
    },
  )

  test('a browser gets remote-connection-failed without the reason', async () => {
    await warm({ ...at('xmpp.chat.example', server.port), ...loopback }, any)
    const client = new BoshClient(`${service!.url}/http-bind`)
    const reply = await client.request('', { to: '127.0.0.1', wait: '5', hold: '1', ver: '1.6' })
    expect(reply).toContain("condition='remote-connection-failed'")
    expect(reply).not.toContain('address')
    client.close()
  })
})
