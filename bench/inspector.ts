// Node's inspector in another process, which sleeps there until it is asked for.
import { setTimeout as sleep } from 'node:timers/promises'

/** Where it is to be found. */
export interface Inspected {
  readonly pid: number
  /** Port of 127.0.0.1 at which SIGUSR1 wakes it. */
  readonly inspectorPort: number
}

interface Answer {
  readonly id: number
  readonly result?: unknown
  readonly error?: { readonly message: string }
}

export class Inspector {
  readonly #socket: WebSocket
  readonly #asked = new Map<number, (answer: Answer) => void>()
  #serial = 0

  private constructor(socket: WebSocket) {
    this.#socket = socket
    socket.addEventListener('message', ({ data }) => {
      const answer = JSON.parse(String(data)) as Answer
      this.#asked.get(answer.id)?.(answer)
      this.#asked.delete(answer.id)
    })
  }

  /** Wakes the inspector of a process and connects to it. Rejects if it does not answer within five seconds. */
  static async open({ pid, inspectorPort }: Inspected): Promise<Inspector> {
    const targets = `http://127.0.0.1:${inspectorPort}/json/list`
    process.kill(pid, 'SIGUSR1')
    let address: string | undefined
    for (let attempt = 0; address === undefined && attempt < 50; attempt++) {
      await sleep(100)
      const found = await fetch(targets).then(
        response => response.json() as Promise<{ webSocketDebuggerUrl: string }[]>,
        () => [],
      )
      address = found[0]?.webSocketDebuggerUrl
    }
    if (address === undefined) throw new Error(`the inspector of process ${pid} does not answer`)
    const socket = new WebSocket(address)
    await new Promise((resolve, reject) => {
      socket.addEventListener('open', resolve, { once: true })
      socket.addEventListener('error', () => reject(new Error('no connection to the inspector')), {
        once: true,
      })
    })
    return new Inspector(socket)
  }

  /** Calls a method of the DevTools protocol. */
  async ask<Result = unknown>(method: string, params: object = {}): Promise<Result> {
    const id = ++this.#serial
    const answer = await new Promise<Answer>(resolve => {
      this.#asked.set(id, resolve)
      this.#socket.send(JSON.stringify({ id, method, params }))
    })
    if (answer.error) throw new Error(`${method}: ${answer.error.message}`)
    return answer.result as Result
  }

  close(): void {
    this.#socket.close()
  }
}
