import { absolute } from './binding.js'
import type { StropheConnection, StropheNamespace, StropheTransport } from './strophe.js'
import { randomName } from './tab.js'

export interface ManagedSocket {
  /** Each opening of the connection uses its present `service`. */
  readonly connection: StropheConnection
  /** Text with all stanzas that Strophe sends again. */
  kept(): string
  /** Id of the last ping with an answer. Everything sent before it has arrived. */
  confirmed: string
}

export function createSocket(Strophe: StropheNamespace): ManagedSocket {
  let kept = 'null'
  const storage = {
    load: () => JSON.parse(kept),
    save(_key: string, state: unknown) {
      kept = JSON.stringify(state)
    },
    clear() {
      kept = 'null'
    },
  }
  const connection = new Strophe.Connection('ws:', { enableStreamManagement: true, streamManagement: { storage } })
  trustNoContent(connection)
  return { connection, kept: () => kept, confirmed: randomName() }
}

/** Strophe also finds stream errors inside messages, where a contact can write them, and ends the connection. */
export function trustNoContent({ _proto }: Pick<StropheConnection, '_proto'>): void {
  const transport = _proto as StropheTransport
  const check = transport._checkStreamError
  transport._checkStreamError = (elements, status) =>
    elements.firstElementChild?.localName === 'error' && check.call(transport, elements, status)
}

export function socketAddress(url: string): string {
  const address = absolute(url)
  address.protocol = address.protocol.replace('http', 'ws')
  return address.href
}
