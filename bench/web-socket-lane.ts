import { once } from 'node:events'
import { WebSocket } from 'ws'

export class WebSocketLane {
  onMessage: (message: string) => void = () => {}

  private constructor(
    readonly socket: WebSocket,
    failed: (error: Error) => void,
  ) {
    socket.on('message', data => this.onMessage(String(data)))
    socket.on('error', failed)
    socket.on('close', () => failed(new Error(`connection closed by ${socket.url}`)))
  }

  static async open(port: number, path: string, failed: (error: Error) => void): Promise<WebSocketLane> {
    // A mask of zeros costs the load client no time.
    const options = { perMessageDeflate: false, generateMask: () => {} }
    const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`, 'xmpp', options)
    await once(socket, 'open')
    return new WebSocketLane(socket, failed)
  }

  send(message: string): void {
    this.socket.send(message)
  }

  /** Resolves with what comes, as soon as it matches. */
  readonly ask = (message: string, expected: RegExp): Promise<string> =>
    new Promise(resolve => {
      let received = ''
      this.onMessage = more => {
        received += more
        if (expected.test(received)) resolve(received)
      }
      this.send(message)
    })

  async leave(message: string): Promise<void> {
    this.socket.removeAllListeners('close')
    this.send(message)
    await once(this.socket, 'close')
  }

  close(): void {
    this.socket.removeAllListeners('close').terminate()
  }
}
