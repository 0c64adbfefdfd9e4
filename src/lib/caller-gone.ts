import type { IncomingMessage, ServerResponse } from 'node:http'

export type CallerSignal = Readonly<Omit<CallerGone, 'abort'>>

/** Rejects with the signal's `reason` if the caller leaves before the end of `work`. */
export function orGone<T>(work: Promise<T>, signal: CallerSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const leave = () => reject(signal.reason)
    if (signal.aborted) leave()
    else signal.addEventListener('abort', leave)
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', leave))
  })
}

/** Replaces `AbortController`, which would cost a tenth of a call's CPU time. */
export class CallerGone {
  aborted = false
  reason: unknown
  readonly #listeners = new Set<() => void>()

  throwIfAborted(): void {
    if (this.aborted) throw this.reason
  }

  addEventListener(_type: 'abort', listener: () => void): void {
    this.#listeners.add(listener)
  }

  removeEventListener(_type: 'abort', listener: () => void): void {
    this.#listeners.delete(listener)
  }

  abort(reason: unknown = new Error('the caller left')): void {
    if (this.aborted) return
    this.aborted = true
    this.reason = reason
    for (const listener of this.#listeners) listener()
  }
}

/** The signal of `work` also aborts after `milliseconds`. */
export async function withDeadline<T>(
  caller: CallerSignal,
  milliseconds: number,
  work: (signal: CallerSignal) => Promise<T>,
): Promise<T> {
  const signal = new CallerGone()
  const abort = () => signal.abort()
  const late = setTimeout(abort, milliseconds)
  if (caller.aborted) abort()
  else caller.addEventListener('abort', abort)
  try {
    return await work(signal)
  } finally {
    clearTimeout(late)
    caller.removeEventListener('abort', abort)
  }
}

export function signalOf(req: IncomingMessage, res: ServerResponse): CallerSignal {
  const signal = new CallerGone()
  whenClientGone(req, res, () => signal.abort())
  return signal
}

/** Calls `act` if the client leaves before the reply is written, or has left. The returned function ends the wait. */
export function whenClientGone(req: IncomingMessage, res: ServerResponse, act: () => void): () => void {
  if (req.socket.destroyed) {
    act()
    return () => {}
  }
  // Before Node 24, a pipelined reply without a socket emits no `close` when the connection closes.
  const socket = res.socket === null ? req.socket : undefined
  const forget = () => {
    res.off('close', onClose)
    socket?.off('close', onClose)
  }
  const onClose = () => {
    forget()
    if (!res.writableFinished) act()
  }
  res.once('close', onClose)
  socket?.setMaxListeners(0).once('close', onClose)
  return forget
}
