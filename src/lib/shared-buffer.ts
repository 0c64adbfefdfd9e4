import { connect, type NetConnectOpts, type Socket } from 'node:net'

/** All connections read into this buffer, one after the other. */
const received = Buffer.allocUnsafeSlow(64 * 1024)

/** Its `data` is valid during the event only: copy what must last. */
export function connectSharingBuffer(options: NetConnectOpts): Socket {
  const socket: Socket = connect({
    ...options,
    // Without it, Node allocates a buffer for each read.
    onread: {
      buffer: received,
      callback(bytes) {
        socket.emit('data', received.subarray(0, bytes))
        return true
      },
    },
  })
  return socket
}
