// A proxy as bad as they come: passes TCP on, closes what is idle, cuts what is held, loses answers when told to.
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

export interface ClosingProxy {
  readonly url: string
  /** Connections closed because they were idle. */
  readonly closedIdle: number
  /** Requests that wait for their answer. */
  readonly held: number
  /** Closes the connections of all requests that wait for their answer, on both sides; returns how many. */
  cutHeld(): number
  /** Takes the next answer from the service, throws it away and closes its connection; resolves when that is done. */
  loseNextAnswer(): Promise<void>
  stop(): Promise<void>
}

/** A client's connection and the one that goes on to the service. */
class Passage {
  /** Whether a request has come that is not answered yet. */
  isWaiting = false
  #idle: NodeJS.Timeout | undefined

  constructor(
    readonly near: Socket,
    readonly far: Socket,
  ) {}

  asked(): void {
    this.isWaiting = true
    clearTimeout(this.#idle)
  }

  answered(idleMilliseconds: number, whenIdle: () => void): void {
    this.isWaiting = false
    clearTimeout(this.#idle)
    this.#idle = setTimeout(() => {
      whenIdle()
      this.near.end()
      this.far.destroy()
    }, idleMilliseconds)
  }

  /** Hangs up on both without a word. */
  cut(): void {
    clearTimeout(this.#idle)
    this.near.destroy()
    this.far.destroy()
  }
}

/** Listens on a free port of 127.0.0.1 and closes connections that rest for so long after an answer. */
export async function startClosingProxy(service: string, idleMilliseconds: number): Promise<ClosingProxy> {
  const { hostname, port } = new URL(service)
  const passages = new Set<Passage>()
  let closedIdle = 0
  let loseAnswer: (() => void) | undefined

  const server = createServer({ noDelay: true }, near => {
    const far = connect({ host: hostname, port: Number(port), noDelay: true })
    const passage = new Passage(near, far)
    passages.add(passage)
    near.on('data', chunk => {
      passage.asked()
      far.write(chunk)
    })
    far.on('data', chunk => {
      if (loseAnswer !== undefined) {
        passage.cut()
        loseAnswer()
        loseAnswer = undefined
        return
      }
      near.write(chunk)
      passage.answered(idleMilliseconds, () => {
        closedIdle += 1
      })
    })
    for (const socket of [near, far]) {
      socket.on('error', () => passage.cut())
      socket.on('close', () => {
        // What was written before is still on its way to the client.
        if (socket === far) near.end()
        else passage.cut()
        passages.delete(passage)
      })
    }
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))

  const waiting = () => [...passages].filter(({ isWaiting }) => isWaiting)
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get closedIdle() {
      return closedIdle
    },
    get held() {
      return waiting().length
    },
    cutHeld() {
      const cut = waiting()
      for (const passage of cut) passage.cut()
      return cut.length
    },
    loseNextAnswer: () =>
      new Promise(resolve => {
        loseAnswer = resolve
      }),
    stop: () =>
      new Promise(resolve => {
        server.close(() => resolve())
        for (const passage of passages) passage.cut()
      }),
  }
}
