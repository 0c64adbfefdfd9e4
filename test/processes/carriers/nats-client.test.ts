import { once } from 'node:events'
import { type AddressInfo, createServer, type Server } from 'node:net'
import { afterEach, describe, expect, test } from '@jest/globals'
import type { NatsSettings } from '../../../src/config/config.js'
import { createLog } from '../../../src/lib/log.js'
import { NatsClient } from '../../../src/processes/carriers/nats-client.js'
import { FakeClock } from '../../support/fake-clock.js'

const info = { server_id: 'one', version: '2.10.0', proto: 1, headers: true, max_payload: 1_048_576 }

describe('a client of NATS', () => {
  let nats: Server
  let client: NatsClient

  /** Starts a server that answers this number of pings, and then breaks the connection or is silent. */
  async function startNats(answered: number, then: 'breaks' | 'is silent' = 'breaks'): Promise<void> {
    let pings = 0
    nats = createServer(socket => {
      socket.on('error', () => undefined)
      socket.write(`INFO ${JSON.stringify(info)}\r\n`)
      socket.on('data', bytes => {
        for (const _ of bytes.toString('latin1').matchAll(/PING\r\n/g)) {
          pings += 1
          if (pings <= answered) socket.write('PONG\r\n')
          else if (then === 'breaks') socket.destroy()
        }
      })
    }).listen(0, '127.0.0.1')
    await once(nats, 'listening')
    const url = `127.0.0.1:${(nats.address() as AddressInfo).port}`
    const settings: NatsSettings = {
      servers: [url],
      hosts: ['127.0.0.1'],
      subject: 'warm',
      account: undefined,
      tls: undefined,
      mayBeUnencrypted: true,
      isUnencrypted: true,
    }
    const log = createLog('silent', { write() {} })
    const parts = { settings, name: 'one', subjects: ['a'], targets: ['b'], log, clock: new FakeClock() }
    client = new NatsClient(parts, { onUp() {}, onDown() {}, onMessage() {} })
  }

  afterEach(async () => {
    await client.close()
    nats.close()
  })

  test('reports that messages are not confirmed if NATS is lost before its answer', async () => {
    await startNats(2)
    await client.open()
    expect(client.isUp).toBe(true)
    await expect(client.confirmed()).rejects.toThrow('NATS is lost')
    expect(client.isUp).toBe(false)
  })

  test('opens without NATS if NATS is lost before it has answered', async () => {
    await startNats(1)
    await client.open()
    expect(client.isUp).toBe(false)
  })

  test('reports that messages are not confirmed if the service closes it', async () => {
    await startNats(2, 'is silent')
    await client.open()
    await Promise.all([expect(client.confirmed()).rejects.toThrow('NATS is lost'), client.close()])
  })
})
