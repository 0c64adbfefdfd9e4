// A balancer that knows nothing of sessions: each connection goes to any process that is ready.
import { connect, createServer, type Server, type Socket } from 'node:net'
import { ask } from '../http-answer.js'

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

export class RandomBalancer {
  readonly #server: Server
  readonly #backends = new Map<number, Backend>()
  readonly #clients = new Set<Socket>()
  readonly #checking: NodeJS.Timeout

  private constructor(server: Server) {
    this.#server = server
    this.#checking = setInterval(() => {
      for (const backend of this.#backends.values()) void this.#check(backend)
    }, checkMilliseconds)
    server.on('connection', client => this.#place(client))
  }

  static async start(): Promise<RandomBalancer> {
    const server = createServer({ noDelay: true })
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', 1024, resolve))
    return new RandomBalancer(server)
  }

  get port(): number {
    return (this.#server.address() as { port: number }).port
  }

  /** Adds a ready process. */
  add(port: number): void {
    this.#backends.set(port, { port, connections: new Set(), isUp: true, failures: 0 })
  }

  /** Removes a process that has ended. */
  remove(port: number): void {
    const backend = this.#backends.get(port)
    this.#backends.delete(port)
    if (backend !== undefined) cut(backend)
  }

  close(): void {
    clearInterval(this.#checking)
    this.#server.close()
    for (const client of this.#clients) client.destroy()
  }

  async #check(backend: Backend): Promise<void> {
    const url = `http://127.0.0.1:${backend.port}/readyz`
    try {
      const { status } = await ask(url, { agent: false, signal: AbortSignal.timeout(patience) })
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
    this.#clients.add(client)
    client.on('error', () => {})
    client.on('close', () => this.#clients.delete(client))
    const all = [...this.#backends.values()]
    const ready = all.filter(({ isUp }) => isUp)
    const choices = (ready.length > 0 ? ready : all)
      .map(backend => ({ backend, place: Math.random() }))
      .sort((one, other) => one.place - other.place)
      .map(({ backend }) => backend)
    this.#try(client, choices)
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
