import type { StropheConnection, StropheNamespace } from './strophe.js'

/** A connection over WebSocket that can be opened again and again. */
export function createSocket(Strophe: StropheNamespace, url: string): StropheConnection {
  const address = new URL(url, document.baseURI)
  address.protocol = address.protocol.replace('http', 'ws')
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
  return new Strophe.Connection(address.href, { enableStreamManagement: true, streamManagement: { storage } })
}
