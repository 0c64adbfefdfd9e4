import type { Worker } from 'node:cluster'

/** What Node's round robin sends a worker, and the worker's answer, which has the number of the offer as its `ack`. */
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

/** How often the channel of a worker that is gone is looked at, until all is read, in milliseconds. */
const lookMilliseconds = 20

/**
 * Looks after the connections that a worker is offered and does not take before it is gone. They go to another worker that
 * listens, or are closed. Node forgets them: `lib/internal/cluster/round_robin_handle.js` waits for an answer, and
 * `lib/internal/child_process.js` does not even emit `disconnect` then.
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
      // The answer of a worker that does not want it.
      if (isAnotherListening())
        process.emit('internalMessage' as never, { cmd: 'NODE_CLUSTER', ack } as never)
      else connection.close()
    }
  })

  /** Has the round robin let go of the worker, once its last answers are read. */
  function disconnect(): void {
    if (isDisconnected) return
    if (process.connected) setTimeout(disconnect, lookMilliseconds)
    else process.emit('disconnect')
  }
}
