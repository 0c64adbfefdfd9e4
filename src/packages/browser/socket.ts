import { absolute } from './binding.js'
import type { StropheConnection, StropheNamespace } from './strophe.js'

/** A WebSocket connection that can be reopened, each time at its `service`. */
export function createSocket(Strophe: StropheNamespace): StropheConnection {
  // Stream management state, for this page only.
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

export function socketAddress(url: string): string {
  const address = absolute(url)
  address.protocol = address.protocol.replace('http', 'ws')
  return address.href
}
