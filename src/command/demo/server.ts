import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { ClientStream } from './client-stream.js'
import { createSasl, prepareAccounts } from './sasl.js'
import { createDelivery } from './stanza-delivery.js'

export type DemoServer = Awaited<ReturnType<typeof startDemoServer>>

/** `services` are service accounts. They also log in users of whom `isGuest` is true, who need no account. */
export async function startDemoServer(
  passwords: Readonly<Record<string, string>>,
  services: Readonly<Record<string, string>> = {},
  isGuest = (_name: string) => false,
) {
  const accounts = prepareAccounts(passwords)
  const sasl = createSasl(accounts, prepareAccounts(services), isGuest)
  const delivery = createDelivery(accounts.keys())
  const streams = new Map<Socket, ClientStream>()
  const server = createServer(socket => {
    streams.set(socket, new ClientStream(socket, sasl(), delivery))
    socket.once('close', () => streams.delete(socket))
  })
  await once(server.listen({ host: '127.0.0.1', port: 0 }), 'listening')
  server.on('error', () => {})
  return {
    port: (server.address() as AddressInfo).port,
    get connections() {
      return streams.size
    },
    async stop() {
      const closed = new Promise<void>(resolve => server.close(() => resolve()))
      for (const stream of streams.values()) stream.end('system-shutdown')
      // Closes sockets after the last write.
      setImmediate(() => {
        for (const socket of streams.keys()) socket.destroy()
      })
      await closed
    },
  }
}
