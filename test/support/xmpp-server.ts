// What tests know of an XMPP server of its own, whichever program it is.
import type { ServerProcess } from './server-process.js'

interface Facts {
  /** Client connections, with and without STARTTLS. */
  readonly c2sPort: number
  /** Client connections over TLS from the start. */
  readonly directTlsPort: number
  readonly httpPort: number
  readonly domain: string
  /** PEM file with the certificate to trust for the domain. */
  readonly caFile: string
}

export interface XmppServer extends Facts {
  /** Of the running process; another one after a restart. */
  readonly pid: number
  /** Ends it in good order and removes its folder. May be called twice. */
  stop(): Promise<void>
  /** Ends it if it runs and starts it again: same ports, same accounts. */
  restart(): Promise<void>
  /** Ends it without a farewell to its clients; `restart` brings it back, `stop` removes its folder. */
  kill(): Promise<void>
  /** What it has logged so far, warnings and worse. */
  log(): string
}

/** A server whose process `start` starts in its folder, which `remove` removes. */
export async function restartable<F extends Facts>(
  facts: F,
  start: () => Promise<ServerProcess>,
  remove: () => Promise<void>,
): Promise<F & XmppServer> {
  let running = await start()
  return {
    ...facts,
    get pid() {
      return running.pid
    },
    log: () => running.log(),
    kill: () => running.end('SIGKILL'),
    async restart() {
      await running.end('SIGTERM')
      running = await start()
    },
    async stop() {
      await running.end('SIGTERM')
      await remove()
    },
  }
}
