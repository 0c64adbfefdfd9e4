// The processes under measurement and the one that puts the load on them. None outlives this one.
import { type ChildProcess, fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { freePorts } from '../test/support/ports.js'
import { admin, domain, type Figures, type Outcome, type Work } from './work.js'

const children = new Set<ChildProcess>()
process.once('exit', () => {
  for (const child of children) child.kill('SIGKILL')
})

export interface Service {
  readonly pid: number
  readonly port: number
}

/**
 * Starts the built service before the XMPP server at `c2sPort`, as an operator would, and waits until it answers.
 * Rejects, with what it printed, when it does not within 15 s.
 */
export async function startService(c2sPort: number): Promise<Service> {
  const [port = 0] = await freePorts(1)
  // From dist-bench/bench, where this file is once built.
  const main = fileURLToPath(new URL('../../dist/main.js', import.meta.url))
  const child = spawn(process.execPath, [main], {
    env: {
      PATH: process.env['PATH'],
      NODE_ENV: 'production',
      HOST: '127.0.0.1',
      PORT: String(port),
      ADMIN_USERS: admin,
      XMPP_DOMAINS: domain,
      XMPP_SERVERS: `${domain}=xmpp://127.0.0.1:${c2sPort}?tls=none`,
      LOG_LEVEL: 'warn',
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  children.add(child)
  let said = ''
  const collect = (chunk: Buffer) => {
    said = (said + chunk).slice(-4000)
  }
  child.stdout.on('data', collect)
  child.stderr.on('data', collect)
  for (const deadline = Date.now() + 15_000; ; await sleep(50)) {
    if (child.exitCode !== null) throw new Error(`the service ended at start:\n${said}`)
    if (Date.now() > deadline) throw new Error(`the service does not answer after 15 s:\n${said}`)
    const response = await fetch(`http://127.0.0.1:${port}/http-bind`).catch(() => undefined)
    await response?.body?.cancel()
    if (response?.status === 200) return { pid: child.pid ?? 0, port }
  }
}

export interface LoadClient {
  readonly pid: number
  /** Runs one round; rejects when the round fails, takes over a minute or the client dies. */
  run(work: Work): Promise<Figures>
}

/** Starts the load client. */
export function startLoadClient(): LoadClient {
  const child = fork(fileURLToPath(new URL('./load.js', import.meta.url)))
  children.add(child)
  return {
    pid: child.pid ?? 0,
    run: async work => {
      const over = new AbortController()
      const { signal } = over
      try {
        const answer = once(child, 'message', { signal })
        const death = once(child, 'exit', { signal }).then((): never => {
          throw new Error('the load client died')
        })
        const timeout = sleep(60_000, undefined, { signal }).then((): never => {
          throw new Error(`${work.part} on ${work.target.kind} takes over a minute`)
        })
        child.send(work)
        const [said] = (await Promise.race([answer, death, timeout])) as [Outcome]
        if ('failure' in said) throw new Error(`${work.part} on ${work.target.kind}: ${said.failure}`)
        return said.figures
      } finally {
        over.abort()
      }
    },
  }
}

/** Ends the service and the load client. */
export function stopAll(): void {
  for (const child of children) child.kill('SIGKILL')
  children.clear()
}
