import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { afterEach, describe, expect, test } from '@jest/globals'
import { readNetworks } from '../../../src/config/kinds/networks.js'
import { ConnectionLimits } from '../../../src/http/listening/connection-limits.js'
import { FakeClock } from '../../support/fake-clock.js'
import { Listener } from '../../support/listener.js'
import { lineFrom } from '../../support/proxy-headers.js'
import { unnoted } from '../../support/unlimited.js'

type Parts = ConstructorParameters<typeof ConnectionLimits>[0]

describe('a listener with limits', () => {
  const open: Socket[] = []
  let listeners: Listener[] = []

  afterEach(async () => {
    for (const socket of open.splice(0)) socket.destroy()
    await Promise.all(listeners.map(listener => listener.stop()))
    listeners = []
  })

  async function listen(
    most: { maxConnections?: number; maxConnectionsPerAddress?: number; proxyProtocol?: boolean },
    trusted = 'none',
    about: Partial<Pick<Parts, 'refused' | 'descriptorsAreLeft' | 'mayCall'>> = {},
  ) {
    const limits = new ConnectionLimits({
      config: {
        listen: { proxyProtocol: false, maxConnections: 0, maxConnectionsPerAddress: 0, ...most },
        trustedProxies: readNetworks(trusted, () => undefined),
      },
      ...{ refused: unnoted, descriptorsAreLeft: () => true, mayCall: () => true, clock: new FakeClock(), ...about },
    })
    for (const _each of [1, 2]) {
      const server = createServer(socket => socket.write('hello'))
      const listener = new Listener(server)
      limits.guard(server)
      listeners.push(await listener.listen({ address: '0.0.0.0' }))
    }
  }

  /** Resolves with true if the server accepts a connection from this address. */
  async function isWelcome(server: number, localAddress: string, header?: Buffer): Promise<boolean> {
    const socket = connect({ host: '127.0.0.1', port: listeners[server]!.port, localAddress })
    open.push(socket)
    socket.on('error', () => {})
    if (header !== undefined) socket.write(header)
    return Promise.race([once(socket, 'data').then(() => true), once(socket, 'close').then(() => false)])
  }

  /** Retries, because the server notices closed connections late. */
  async function untilWelcome(server: number, localAddress: string): Promise<void> {
    while (!(await isWelcome(server, localAddress))) open.pop()
  }

  test('closes connections above the limit for all servers together, until one is closed', async () => {
    await listen({ maxConnections: 2 })
    expect(await isWelcome(0, '127.0.0.1')).toBe(true)
    expect(await isWelcome(1, '127.0.0.2')).toBe(true)
    expect(await isWelcome(0, '127.0.0.3')).toBe(false)
    open[0]!.destroy()
    await untilWelcome(1, '127.0.0.3')
  })

  test('closes connections above the limit of one address', async () => {
    await listen({ maxConnectionsPerAddress: 1 })
    expect(await isWelcome(0, '127.0.0.1')).toBe(true)
    expect(await isWelcome(1, '127.0.0.1')).toBe(false)
    expect(await isWelcome(1, '127.0.0.2')).toBe(true)
    open[0]!.destroy()
    await untilWelcome(0, '127.0.0.1')
  })

  test('counts proxies only in the limit for all connections', async () => {
    await listen({ maxConnections: 3, maxConnectionsPerAddress: 1 }, '127.0.0.2')
    for (const isLetIn of [true, true, true, false]) expect(await isWelcome(0, '127.0.0.2')).toBe(isLetIn)
  })

  test('reserves a tenth for addresses that may call the warm API', async () => {
    const mayCall = (address: string) => address === '127.0.0.9'
    await listen({ maxConnections: 10 }, 'none', { mayCall })
    for (let host = 1; host < 9; host++) expect(await isWelcome(0, `127.0.0.${host}`)).toBe(true)
    expect(await isWelcome(0, '127.0.0.1')).toBe(true)
    expect(await isWelcome(0, '127.0.0.1')).toBe(false)
    expect(await isWelcome(0, '127.0.0.9')).toBe(true)
    expect(await isWelcome(0, '127.0.0.9')).toBe(false)
  })

  test('closes connections if descriptors are short, and logs this, but reserves some for such addresses', async () => {
    const mayCall = (address: string) => address === '127.0.0.9'
    const refused: string[] = []
    let areLeft = false
    const descriptorsAreLeft = (isCaller: boolean) => isCaller || areLeft
    await listen({}, 'loopback', { descriptorsAreLeft, mayCall, refused: limit => void refused.push(limit) })
    expect(await isWelcome(0, '127.0.0.9')).toBe(true)
    expect(await isWelcome(0, '127.0.0.1')).toBe(false)
    expect(refused).toEqual(['descriptors'])
    areLeft = true
    expect(await isWelcome(0, '127.0.0.1')).toBe(true)
  })

  test('reserves connections and descriptors for such addresses behind a balancer with PROXY headers', async () => {
    const mayCall = (address: string) => address === '203.0.113.9'
    const through = (address: string) => isWelcome(0, '127.0.0.1', lineFrom(address))
    await listen({ proxyProtocol: true }, 'loopback', { descriptorsAreLeft: isCaller => isCaller, mayCall })
    expect([await through('198.51.100.1'), await through('203.0.113.9')]).toEqual([false, true])
    await listen({ proxyProtocol: true, maxConnections: 10 }, 'loopback', { mayCall })
    const ends: boolean[] = []
    for (let at = 1; at <= 10; at++) ends.push(await isWelcome(2, '127.0.0.1', lineFrom(`198.51.100.${at}`)))
    expect(ends).toEqual([...Array(9).fill(true), false])
    expect(await isWelcome(2, '127.0.0.1', lineFrom('203.0.113.9'))).toBe(true)
  })
})
