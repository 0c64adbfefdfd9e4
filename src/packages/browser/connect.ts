// `import { connect } from '…/assets/warm-bindings.js'`
import { Chat, type ChatOptions } from './chat.js'
import type { MessageState } from './chat-departures.js'
import type { Presence, Status } from './chat-events.js'
import { isOver } from './failures.js'
import type { Message } from './message.js'
import type { Contact } from './roster.js'

export type { Binding } from './binding.js'
export type { BindingSource, TokenSource } from './source.js'
export type { Chat, ChatOptions, Contact, Message, MessageState, Presence, Status }

export type ConnectOptions = ChatOptions & Handlers

interface Handlers {
  readonly onMessage?: (message: Message) => void
  readonly onMessageState?: (state: MessageState) => void
  readonly onPresence?: (presence: Presence) => void
  readonly onContacts?: (contacts: readonly Contact[]) => void
  readonly onStatus?: (status: Status) => void
}

/**
 * Gets a binding from the backend or the service, attaches over WebSocket or BOSH, and reconnects.
 * Resolves once online. Rejects with an error that has a message for the user, and a `code`, if the chat ends for good.
 */
export function connect(options: ConnectOptions): Promise<Chat> {
  const chat = new Chat(options)
  const hear = <Detail>(type: string, handler: ((detail: Detail) => void) | undefined) => {
    if (handler) chat.addEventListener(type, event => handler((event as CustomEvent<Detail>).detail))
  }
  for (const type of ['Message', 'MessageState', 'Presence', 'Contacts', 'Status'] as const)
    hear(type.toLowerCase(), options[`on${type}`] as (detail: unknown) => void)
  return new Promise((resolve, reject) => {
    hear('status', (status: Status) => {
      const { state, reason, code } = status
      if (state === 'online') resolve(chat)
      // A chat that may start again must not be online without its page having it.
      else if (isOver(status)) reject(Object.assign(new Error(reason), { code }))
    })
    chat.start()
  })
}
