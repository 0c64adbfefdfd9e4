import type { Worker } from 'node:cluster'

/** Messages of Node's round robin. `ack`: number of the offer. */
interface ClusterMessage {
  readonly cmd?: unknown
  readonly act?: unknown
  readonly seq?: unknown
  readonly ack?: unknown
}

interface Connection {
  close(): void
}

type Send = (message: ClusterMessage, connection?: Connection, ...rest: unknown[]) => boolean

const lookMilliseconds = 20

/**
 * Tracks connections that Node offered to a worker which died without accepting them. They go to another
 * worker, or are closed. Node itself forgets them (`round_robin_handle.js`, `child_process.js`).
 */
export function keepOfferedConnections(worker: Worker, isAnotherListening: () => boolean): void {
  const { process } = worker
  const offered = new Map<unknown, Connection>()
  let isDisconnected = false
  const send = process.send.bind(process) as unknown as Send
  const sendAndNote: Send = (message, connection, ...rest) => {
    if (connection !== undefined && message.cmd === 'NODE_CLUSTER' && message.act === 'newconn')
      offered.set(message.seq, connection)
    return send(message, connection, ...rest)
  }
  process.send = sendAndNote as unknown as typeof process.send
  process.on('internalMessage', ({ ack }: ClusterMessage) => offered.delete(ack))
  worker.on('exit', () => setImmediate(disconnect))
  worker.on('disconnect', () => {
    isDisconnected = true
    const left = [...offered]
    offered.clear()
    for (const [ack, connection] of left) {
      // Declines for the dead worker, so that Node offers the connection to another.
      if (isAnotherListening()) process.emit('internalMessage' as never, { cmd: 'NODE_CLUSTER', ack } as never)
      else connection.close()
    }
  })

  /** After its last answers. */
  function disconnect(): void {
    if (isDisconnected) return
    if (process.connected) setTimeout(disconnect, lookMilliseconds)
    else process.emit('disconnect')
  }
}
