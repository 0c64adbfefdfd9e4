import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { serveClient } from './client-stream.js'
import { createSasl, prepareAccounts } from './sasl.js'
import { domain } from './stanza.js'
import { Delivery } from './stanza-delivery.js'

export type DemoServer = Awaited<ReturnType<typeof startDemoServer>>

/** Starts a small XMPP server for `localhost`, on a free port of 127.0.0.1, in memory only. `passwords` is by account. */
export async function startDemoServer(passwords: Readonly<Record<string, string>>) {
  const accounts = prepareAccounts(passwords)
  const sasl = createSasl(accounts)
  const delivery = new Delivery(accounts.keys())
  const streams = new Map<Socket, ReturnType<typeof serveClient>>()
  const server = createServer(socket => {
    streams.set(socket, serveClient(socket, sasl(), delivery))
    socket.once('close', () => streams.delete(socket))
  })
  await once(server.listen({ host: '127.0.0.1', port: 0 }), 'listening')
  // A connection that could not be taken is its client's to try again.
  server.on('error', () => {})
  return {
    /** Its TCP port on 127.0.0.1. */
    port: (server.address() as AddressInfo).port,
    domain,
    get connections() {
      return streams.size
    },
    /** Ends every stream with `system-shutdown` and frees the port. */
    async stop() {
      const closed = new Promise<void>(resolve => server.close(() => resolve()))
      for (const end of streams.values()) end('system-shutdown')
      // What was written is on its way by then; no client is waited for.
      setImmediate(() => {
        for (const socket of streams.keys()) socket.destroy()
      })
      await closed
    },
  }
}
