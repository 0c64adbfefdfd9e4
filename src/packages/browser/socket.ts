import { absolute } from './binding.js'
import { idOf } from './departures.js'
import { randomName } from './page-memory.js'
import type { StropheConnection, StropheNamespace } from './strophe.js'

/** Milliseconds until the chat must be online: some proxies pass the 101 of a WebSocket, and then nothing. */
export const socketPatience = 10_000

export interface ManagedSocket {
  /** Set `connection.service` to the URL before each `connect`. */
  readonly connection: StropheConnection
  /** Ids of the stanzas that Strophe sends again. */
  kept(): readonly (string | null)[]
  /** Id of the last ping with an answer. Everything sent before this ping has arrived. */
  confirmed: string
}

export function createSocket(Strophe: StropheNamespace): ManagedSocket {
  let kept = 'null'
  const storage = {
    load: () => JSON.parse(kept),
    // Of a stream that cannot be resumed, Strophe would repeat nothing, and would not begin the next one.
    save(_key: string, state: { readonly id: string | null }) {
      kept = JSON.stringify(state.id ? state : null)
    },
    clear() {
      kept = 'null'
    },
  }
  const connection = new Strophe.Connection('ws:', { enableStreamManagement: true, streamManagement: { storage } })
  const ids = () => (JSON.parse(kept)?.unacked ?? []).map(({ stanza }: { readonly stanza: string }) => idOf(stanza))
  return { connection, kept: ids, confirmed: randomName() }
}

/** Closes the WebSocket or gives the requests up without `<close/>` or `terminate`, which would end the session. */
export function hangUp(connection: StropheConnection): void {
  connection.reset()
  connection.disconnect('timeout')
}

export function socketAddress(url: string): string {
  const address = absolute(url)
  address.protocol = address.protocol.replace('http', 'ws')
  return address.href
}
