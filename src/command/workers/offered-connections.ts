import type { Worker } from 'node:cluster'

/** An offer of Node's round robin to a worker, or the worker's answer, whose `ack` is the number of the offer. */
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

/** How often to check whether the channel of a dead worker has been read to its end, in milliseconds. */
const lookMilliseconds = 20

/**
 * Keeps track of connections that a worker was offered and did not accept before it died. They go to another listening worker, or
 * are closed. Node forgets them: `lib/internal/cluster/round_robin_handle.js` waits for an answer, and
 * `lib/internal/child_process.js` does not emit `disconnect` then.
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
      // Answers like a worker that declines: Node offers the connection to another one.
      if (isAnotherListening())
        process.emit('internalMessage' as never, { cmd: 'NODE_CLUSTER', ack } as never)
      else connection.close()
    }
  })

  /** Removes the worker from the round robin, once its last answers are read. */
  function disconnect(): void {
    if (isDisconnected) return
    if (process.connected) setTimeout(disconnect, lookMilliseconds)
    else process.emit('disconnect')
  }
}
