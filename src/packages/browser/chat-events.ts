import type { MessageState } from './chat-departures.js'
import type { Message } from './message.js'
import type { Contact } from './roster.js'

export interface Presence {
  /** Full JID, or the bare JID of a contact without a client. */
  readonly from: string
  readonly isAvailable: boolean
  /** `away`, `chat`, `dnd`, `xa` or undefined. */
  readonly show: string | undefined
  /** Why a room refuses the user: a condition of RFC 6120. */
  readonly code?: string | undefined
  readonly stanza: Element
}

export interface Status {
  /** After `offline` the chat reconnects. After `ended` call `retry`. */
  readonly state: 'connecting' | 'online' | 'offline' | 'ended'
  readonly reason?: string | undefined
  /**
   * `no-network`, `unreachable`, `mending`, `replaced`, `signed-out`, `refused`, `session-over`, `closed`, or with the
   * option `service` a code of docs/errors.md.
   */
  readonly code?: string | undefined
  /** Seconds until the next attempt. */
  readonly retryIn?: number | undefined
}

export interface ChatEvents {
  readonly message: Message
  readonly messagestate: MessageState
  /** An own message, before it is sent. Listeners may add elements. */
  readonly sending: Element
  readonly presence: Presence
  readonly contacts: readonly Contact[]
  readonly status: Status
}

type Listen = EventTarget['addEventListener']

export interface ChatTarget extends EventTarget {
  addEventListener<Name extends keyof ChatEvents>(
    type: Name,
    listener: (event: CustomEvent<ChatEvents[Name]>) => void,
    options?: Parameters<Listen>[2],
  ): void
  addEventListener(...parameters: Parameters<Listen>): void
}
