// Debian's nats-server with the configuration of `deploy/`, apart from its paths, and what a test adds.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { makeCertificate } from './certificates.js'
import { eventually } from './eventually.js'
import { root } from './repository.js'
import { inFolder } from './server-process.js'

export const natsPassword = 'a-long-random-secret'

export interface NatsServerOptions {
  /** Whether it has the TLS of the example; it is for `localhost` and 127.0.0.1 then. */
  readonly tls?: boolean
  /** Takes the place of the example's `authorization`. */
  readonly authorization?: string
  /** What else stands in its configuration. */
  readonly more?: string
}

export interface NatsServer {
  readonly port: number
  /** The certificate that signs itself, PEM; undefined without TLS. */
  readonly certificate: string | undefined
  /** For `NATS_URL`, with the user of the example unless another is named. */
  url(user?: string): string
  pid(): number
  /** Ends it at once, or in good order. */
  stop(signal?: NodeJS.Signals): Promise<void>
  /** Starts it again, at the same port. */
  start(): Promise<void>
  /** Makes the running server read another `authorization`. */
  authorize(authorization: string): Promise<void>
  remove(): Promise<void>
}

/** Starts it at a free port of 127.0.0.1. */
export function startNatsServer({
  tls = false,
  authorization: given,
  more = '',
}: NatsServerOptions = {}): Promise<NatsServer> {
  return inFolder('wb-nats-', async (folder, removeFolder) => {
    const credentials = tls ? makeCertificate(['DNS:localhost', 'IP:127.0.0.1']) : undefined
    if (credentials !== undefined) {
      writeFileSync(join(folder, 'nats.crt'), credentials.cert)
      writeFileSync(join(folder, 'nats.key'), credentials.key)
    }
    const example = readFileSync(join(root, 'deploy', 'nats-server.conf'), 'utf8')
    let authorization = given
    const configure = (port: number) => {
      let text = example
        .replace('0.0.0.0:4222', `127.0.0.1:${port}`)
        .replace(/^http: .*$/m, '') // a port of its own would be in the way of others
        .replace('choose-a-password', natsPassword)
        .replace('/etc/nats/nats.example.org.crt', join(folder, 'nats.crt'))
        .replace('/etc/nats/nats.example.org.key', join(folder, 'nats.key'))
      if (!tls) text = text.replace(/^tls \{[^}]*\}$/m, '')
      if (authorization !== undefined) text = text.replace(/^authorization \{[\s\S]*^\}$/m, authorization)
      writeFileSync(join(folder, 'nats.conf'), `${text}\nports_file_dir: "${folder}"\n${more}\n`)
    }
    let child: ChildProcess | undefined
    let said = ''
    const killNow = () => child?.kill('SIGKILL')
    process.prependOnceListener('exit', killNow)

    /** What it says of its ports; undefined until all of that is written. */
    const ports = (): string | undefined => {
      const file = readdirSync(folder).find(name => name.endsWith('.ports'))
      const text = file === undefined ? '' : readFileSync(join(folder, file), 'utf8')
      return text.trimEnd().endsWith('}') ? text : undefined
    }
    const start = async () => {
      for (const file of readdirSync(folder)) if (file.endsWith('.ports')) rmSync(join(folder, file))
      const started = spawn('nats-server', ['-c', join(folder, 'nats.conf')], {
        stdio: ['ignore', 'pipe', 'pipe'],
      })
      child = started
      for (const stream of [started.stdout, started.stderr])
        stream.on('data', chunk => {
          said = (said + chunk).slice(-20_000)
        })
      let failure: Error | undefined
      started.once('error', error => {
        failure = error
      })
      await eventually('nats-server is ready', () => {
        if (failure !== undefined || started.exitCode !== null)
          throw new Error(`nats-server does not start; is the package installed? ${failure?.message ?? said}`)
        return ports() !== undefined && said.includes('Server is ready')
      })
    }
    const stop = async (signal: NodeJS.Signals = 'SIGKILL') => {
      if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
      const exited = once(child, 'exit')
      child.kill('SIGCONT')
      child.kill(signal)
      await exited
      said = ''
    }

    configure(-1)
    await start()
    const { nats } = JSON.parse(ports()!) as { nats: [string] }
    const port = Number(new URL(nats[0]).port)
    configure(port)
    return {
      port,
      certificate: credentials?.cert,
      url: (user = `warm-bindings:${natsPassword}`) =>
        `${tls ? 'tls' : 'nats'}://${user}${user === '' ? '' : '@'}127.0.0.1:${port}`,
      pid: () => child?.pid ?? 0,
      stop,
      start,
      async authorize(text) {
        authorization = text
        configure(port)
        said = ''
        child?.kill('SIGHUP')
        await eventually('it is read', () => said.includes('Reloaded server configuration'))
      },
      async remove() {
        await stop()
        process.off('exit', killNow)
        await removeFolder()
      },
    }
  })
}
