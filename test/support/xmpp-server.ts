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

export type XmppServer = Awaited<ReturnType<typeof restartable<Facts>>>

/** A server whose process `start` starts in its folder, which `remove` removes. */
export async function restartable<F extends Facts>(
  facts: F,
  start: () => Promise<ServerProcess>,
  remove: () => Promise<void>,
) {
  let running = await start()
  return {
    ...facts,
    /** Of the running process; another one after a restart. */
    get pid() {
      return running.pid
    },
    /** What it has logged so far, warnings and worse. */
    log: () => running.log(),
    /** Ends it without a farewell to its clients; `restart` brings it back, `stop` removes its folder. */
    kill: () => running.end('SIGKILL'),
    /** Ends it if it runs and starts it again: same ports, same accounts. */
    async restart() {
      await running.end('SIGTERM')
      running = await start()
    },
    /** Ends it in good order and removes its folder. May be called twice. */
    async stop() {
      await running.end('SIGTERM')
      await remove()
    },
  }
}
