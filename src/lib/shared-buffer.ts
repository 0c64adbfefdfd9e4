import { connect, type NetConnectOpts, type Socket } from 'node:net'

const sharedBuffer = Buffer.allocUnsafeSlow(64 * 1024)

/** Copy the bytes of a `data` event: they are valid during the event only. */
export function connectSharingBuffer(options: NetConnectOpts): Socket {
  const socket: Socket = connect({
    ...options,
    onread: {
      buffer: sharedBuffer,
      callback(bytes) {
        socket.emit('data', sharedBuffer.subarray(0, bytes))
        return true
      },
    },
  })
  return socket
}
