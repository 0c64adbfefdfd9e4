// A balancer that knows nothing of sessions: each connection goes to any process that is ready.
import { connect, createServer, type Socket } from 'node:net'
import { ask } from '../http-answer.js'
import { ListeningServer } from '../listener.js'

/** How often the processes are asked whether they are ready, and how long they have to say so, in milliseconds. */
const checkMilliseconds = 1_000
const patience = 2_000
/** After so many failures in a row, a process gets no more connections, and its connections are closed. */
const mostFailures = 2

interface Backend {
  readonly port: number
  readonly connections: Set<Socket>
  isUp: boolean
  failures: number
}

export class RandomBalancer extends ListeningServer {
  readonly #backends = new Map<number, Backend>()
  readonly #checking = setInterval(() => {
    for (const backend of this.#backends.values()) void this.#check(backend)
  }, checkMilliseconds)

  private constructor() {
    super(createServer({ noDelay: true }))
    this.server.on('connection', client => this.#place(client))
  }

  static start(): Promise<RandomBalancer> {
    return new RandomBalancer().listen()
  }

  add(port: number): void {
    this.#backends.set(port, { port, connections: new Set(), isUp: true, failures: 0 })
  }

  remove(port: number): void {
    const backend = this.#backends.get(port)
    this.#backends.delete(port)
    if (backend !== undefined) cut(backend)
  }

  override stop(): Promise<void> {
    clearInterval(this.#checking)
    return super.stop()
  }

  async #check(backend: Backend): Promise<void> {
    const url = `http://127.0.0.1:${backend.port}/readyz`
    try {
      const { status } = await ask(url, { signal: AbortSignal.timeout(patience) })
      backend.isUp = status === 200
      backend.failures = 0
    } catch {
      backend.failures += 1
      if (backend.failures < mostFailures) return
      backend.isUp = false
      cut(backend)
    }
  }

  #place(client: Socket): void {
    const all = [...this.#backends.values()]
    const ready = all.filter(({ isUp }) => isUp)
    const choices = ready.length > 0 ? ready : all
    const first = Math.floor(Math.random() * choices.length)
    this.#try(client, [...choices.slice(first), ...choices.slice(0, first)])
  }

  #try(client: Socket, [backend, ...others]: readonly Backend[]): void {
    if (backend === undefined || client.destroyed) {
      client.destroy()
      return
    }
    const upstream = connect(backend.port, '127.0.0.1').setNoDelay(true)
    let isOpen = false
    upstream.on('connect', () => {
      isOpen = true
      client.pipe(upstream).pipe(client)
    })
    upstream.on('error', () => {})
    upstream.on('close', () => {
      backend.connections.delete(upstream)
      if (isOpen) client.destroy()
      else this.#try(client, others)
    })
    backend.connections.add(upstream)
    client.on('close', () => upstream.destroy())
  }
}

function cut({ connections }: Backend): void {
  for (const connection of connections) connection.destroy()
}
