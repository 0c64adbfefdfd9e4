import { setTimeout as sleep } from 'node:timers/promises'

export interface Inspected {
  readonly pid: number
  readonly inspectorPort: number
}

interface Answer {
  readonly id: number
  readonly result?: unknown
  readonly error?: { readonly message: string }
}

export class Inspector {
  readonly #asked = new Map<number, (answer: Answer) => void>()
  #serial = 0

  private constructor(readonly socket: WebSocket) {
    socket.addEventListener('message', ({ data }) => {
      const answer = JSON.parse(String(data)) as Answer
      this.#asked.get(answer.id)?.(answer)
      this.#asked.delete(answer.id)
    })
  }

  static async open({ pid, inspectorPort }: Inspected): Promise<Inspector> {
    process.kill(pid, 'SIGUSR1')
    for (let attempt = 0; attempt < 50; attempt++) {
      await sleep(100)
      const targets = await fetch(`http://127.0.0.1:${inspectorPort}/json/list`).then(
        response => response.json() as Promise<{ webSocketDebuggerUrl: string }[]>,
        () => [],
      )
      const address = targets[0]?.webSocketDebuggerUrl
      if (address === undefined) continue
      const socket = new WebSocket(address)
      await new Promise((resolve, reject) => {
        socket.addEventListener('open', resolve, { once: true })
        socket.addEventListener('error', () => reject(new Error('no connection to the inspector')), {
          once: true,
        })
      })
      return new Inspector(socket)
    }
    throw new Error(`the inspector of process ${pid} does not answer`)
  }

  async ask<Result = unknown>(method: string, params: object = {}): Promise<Result> {
    const id = ++this.#serial
    const answer = await new Promise<Answer>(resolve => {
      this.#asked.set(id, resolve)
      this.socket.send(JSON.stringify({ id, method, params }))
    })
    if (answer.error) throw new Error(`${method}: ${answer.error.message}`)
    return answer.result as Result
  }

  async collectGarbage(): Promise<void> {
    for (let time = 0; time < 2; time++) await this.ask('HeapProfiler.collectGarbage')
  }

  close(): void {
    this.socket.close()
  }
}
