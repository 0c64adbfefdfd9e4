import { absolute } from './binding.js'
import type { StropheConnection, StropheNamespace } from './strophe.js'

export interface ManagedSocket {
  /** Each opening of the connection uses its present `service`. */
  readonly connection: StropheConnection
  /** Text with all stanzas that Strophe sends again. */
  kept(): string | undefined
}

export function createSocket(Strophe: StropheNamespace): ManagedSocket {
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
  const connection = new Strophe.Connection('ws:', { enableStreamManagement: true, streamManagement: { storage } })
  return { connection, kept: () => kept }
}

export function socketAddress(url: string): string {
  const address = absolute(url)
  address.protocol = address.protocol.replace('http', 'ws')
  return address.href
}
