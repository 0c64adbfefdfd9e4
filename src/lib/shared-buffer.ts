import { connect, type NetConnectOpts, type Socket } from 'node:net'

/** All connections read into this buffer, one after another. */
const received = Buffer.allocUnsafeSlow(64 * 1024)

/** In a `data` event the bytes are valid during the event only, so copy them. */
export function connectSharingBuffer(options: NetConnectOpts): Socket {
  const socket: Socket = connect({
    ...options,
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
