import { connect, type NetConnectOpts, type Socket } from 'node:net'

/** The buffer that all connections read into, one after the other. */
const received = Buffer.allocUnsafeSlow(64 * 1024)

/** Connects a socket that reads into a buffer which it shares: what is to last longer than one `data` event has to be copied. */
export function connectSharingBuffer(options: NetConnectOpts): Socket {
  const socket: Socket = connect({
    ...options,
    // Without it Node makes a buffer of that size for each read.
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
