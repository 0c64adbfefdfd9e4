import { once } from 'node:events'
import { WebSocket } from 'ws'

export type WebSocketLane = Awaited<ReturnType<typeof openLane>>

export async function openLane(port: number, path: string, failed: (error: Error) => void) {
  // A mask of zeros costs the load client no time.
  const options = { perMessageDeflate: false, generateMask: () => {} }
  const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`, 'xmpp', options)
  await once(socket, 'open')
  const lane = {
    onMessage: (_message: string) => {},
    send: (message: string) => socket.send(message),
    /** Resolves with what comes, as soon as it matches. */
    ask: (message: string, expected: RegExp) =>
      new Promise<string>(resolve => {
        let received = ''
        lane.onMessage = more => {
          received += more
          if (expected.test(received)) resolve(received)
        }
        socket.send(message)
      }),
    async leave(message: string) {
      socket.removeAllListeners('close').send(message)
      await once(socket, 'close')
    },
    close: () => socket.removeAllListeners('close').terminate(),
  }
  socket.on('message', data => lane.onMessage(String(data)))
  socket.on('error', failed)
  socket.on('close', () => failed(new Error(`connection closed by ${socket.url}`)))
  return lane
}
