import { absolute } from './binding.js'
import type { StropheConnection, StropheNamespace } from './strophe.js'

/** A connection over WebSocket that can be opened again and again, each time at its `service`. */
export function createSocket(Strophe: StropheNamespace): StropheConnection {
  // The state of stream management is this page's alone: the next page counts by itself.
  let kept: string | undefined
  const storage = {
    load: () => (kept === undefined ? null : JSON.parse(kept)),
    save(_key: string, state: unknown) {
      kept = JSON.stringify(state)
    },
    clear() {
      kept = undefined
    },
  }
  return new Strophe.Connection('ws:', { enableStreamManagement: true, streamManagement: { storage } })
}

/** The absolute URL of an address that an answer of the warm API names. */
export function socketAddress(url: string): string {
  const address = absolute(url)
  address.protocol = address.protocol.replace('http', 'ws')
  return address.href
}
