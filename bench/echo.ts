// A TCP server that says back whatever it hears: what stands behind the floor in place of an XMPP server.
import { type AddressInfo, createServer } from 'node:net'

export interface Echo {
  readonly port: number
  close(): void
}

/** Starts it on a free port of 127.0.0.1. */
export async function startEcho(): Promise<Echo> {
  const server = createServer({ noDelay: true }, socket => {
    socket.on('data', chunk => socket.write(chunk))
    // A client that leaves in the middle of a round does not come back.
    socket.on('error', () => {})
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return { port: (server.address() as AddressInfo).port, close: () => server.close() }
}
