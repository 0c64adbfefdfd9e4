import type { Worker } from 'node:cluster'
import { withFileMode } from '../../http/listening/listen-at.js'

/** A message between Node's primary and a worker. `ack` is the `seq` of the answered message. */
interface ClusterMessage {
  readonly cmd?: unknown
  readonly act?: unknown
  readonly seq?: unknown
  readonly ack?: unknown
  /** The name of a listening socket. */
  readonly key?: unknown
  readonly errno?: unknown
  readonly accepted?: boolean
}

interface Connection {
  close(): void
}

type Send = (message: ClusterMessage, connection?: Connection, ...rest: unknown[]) => boolean

const lookMilliseconds = 20

interface Offers {
  readonly socketMode: number
  readonly isAnotherListening: () => boolean
}

/**
 * If a worker dies, its offered connections go to another worker, or are closed. Node itself would forget these
 * connections (`round_robin_handle.js`, `child_process.js`).
 */
export function keepOfferedConnections(worker: Worker, { socketMode, isAnotherListening }: Offers) {
  const { process } = worker
  const offered = new Map<unknown, Connection>()
  /** Each function closes a connection that a leaving worker has not accepted yet. */
  const sent = new Map<unknown, () => void>()
  const keys = new Set<unknown>()
  let onNoneSent = () => {}
  let isDisconnected = false
  const send = process.send.bind(process) as unknown as Send
  const sendAndNote: Send = (message, connection, ...rest) => {
    if (message.cmd === 'NODE_CLUSTER') {
      if (connection !== undefined && message.act === 'newconn') offered.set(message.seq, connection)
      if (message.ack !== undefined && message.key !== undefined && !message.errno) keys.add(message.key)
    }
    return send(message, connection, ...rest)
  }
  process.send = sendAndNote as unknown as typeof process.send
  const emit = process.emit.bind(process) as (...about: unknown[]) => boolean
  // Node opens the listening socket in `emit`.
  const emitWithMode = (name: string, message: ClusterMessage, ...rest: unknown[]) =>
    name === 'internalMessage' && message.act === 'queryServer'
      ? withFileMode(socketMode, () => emit(name, message, ...rest))
      : emit(name, message, ...rest)
  process.emit = emitWithMode as typeof process.emit
  process.on('internalMessage', ({ ack }: ClusterMessage) => {
    offered.delete(ack)
    sent.get(ack)?.()
    if (sent.delete(ack) && sent.size === 0) onNoneSent()
  })
  worker.on('exit', () => setImmediate(disconnect))
  worker.on('disconnect', () => {
    isDisconnected = true
    const left = [...offered]
    offered.clear()
    for (const close of sent.values()) close()
    for (const [ack, connection] of left) {
      // This answer declines for the dead worker, so Node offers the connection to another worker.
      if (isAnotherListening()) process.emit('internalMessage' as never, { cmd: 'NODE_CLUSTER', ack } as never)
      else connection.close()
    }
  })

  /** Emits `disconnect` if Node does not. Waits while the process is connected, because its last answers may arrive. */
  function disconnect(): void {
    if (isDisconnected) return
    if (process.connected) setTimeout(disconnect, lookMilliseconds)
    else process.emit('disconnect')
  }

  return {
    /**
     * Sends all waiting connections to the worker, and calls `then` after the worker has accepted them. If the worker
     * closed its servers earlier, Node would reset the connections.
     */
    leave(then: () => void): void {
      // After each `accepted`, Node offers the next connection, so `offered` grows during this loop.
      for (const [ack, connection] of offered) {
        const close = connection.close.bind(connection)
        // `accepted` makes Node close this process's copy, but the worker does not have the connection yet.
        connection.close = () => {}
        emit('internalMessage', { cmd: 'NODE_CLUSTER', ack, accepted: true })
        sent.set(ack, close)
      }
      for (const key of keys) emit('internalMessage', { cmd: 'NODE_CLUSTER', act: 'close', key })
      keys.clear()
      if (sent.size === 0) then()
      else onNoneSent = then
    },
  }
}
