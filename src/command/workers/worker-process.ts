import cluster from 'node:cluster'
import { on } from 'node:events'
import type { Notice, Order, Question } from './worker-messages.js'

export interface WorkerEvents {
  onReady(urls: readonly string[]): void
  onFailed(sentence: string): void
  onHang(): void
  onExit(code: number | null, signal: string | null): void
}

export type WorkerProcess = ReturnType<typeof forkWorker>

/** Longer than any garbage collection. */
const hungSeconds = 10

let questions = 0

export function forkWorker(variables: object, events: WorkerEvents) {
  const worker = cluster.fork(variables)
  let silentSeconds = 0
  let watch: NodeJS.Timeout | undefined
  // While a worker loads its modules, Node drops messages to it.
  let early: Order[] | undefined = []
  worker.on('message', (notice: Notice) => {
    silentSeconds = 0
    if (notice.notice === 'alive') forked.isReady = notice.isReady
    else if (notice.notice === 'failed') events.onFailed(notice.sentence)
    else if (notice.notice === 'ready') {
      // A pause of this process counts as one second, because messages of workers may be unread.
      watch = setInterval(() => ++silentSeconds === hungSeconds && events.onHang(), 1_000)
      for (const order of early ?? []) send(order)
      early = undefined
      events.onReady(notice.urls)
    }
  })
  worker.on('exit', (code, signal) => {
    clearInterval(watch)
    events.onExit(code, signal)
  })
  // A failed fork emits no exit.
  worker.on('error', () => {
    if (worker.process.pid === undefined) events.onExit(null, null)
  })
  const send = (order: Order) => {
    if (worker.isConnected()) worker.send(order, () => {})
  }
  const tell = (order: Order) => {
    if (early === undefined) send(order)
    else early.push(order)
  }
  const forked = {
    pid: worker.process.pid,
    isReady: true,
    tell,
    /** Resolves with undefined if the worker does not answer in time. */
    async ask(question: Question, milliseconds: number): Promise<unknown> {
      const number = questions++
      const notices = on(worker, 'message', { signal: AbortSignal.timeout(milliseconds) })
      tell({ ...question, number })
      try {
        for await (const [notice] of notices as AsyncIterable<[Notice]>)
          if (notice.notice === 'answer' && notice.number === number) return notice.answer
      } catch {
        return undefined
      }
    },
    kill(): void {
      worker.process.kill('SIGKILL')
    },
  }
  return forked
}
