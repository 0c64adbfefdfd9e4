// For React 18 and 19. Install strophe.js, and the file that `npm pack` makes in a clone of warm-bindings. All
// components of a page share one chat, which begins with the first of them and stays if they come and go. So it does
// not matter that StrictMode mounts them twice.
import { useSyncExternalStore } from 'react'
import { Strophe } from 'strophe.js'
import { type Chat, connect, type Message, type Status } from 'warm-bindings/browser'

interface ChatState {
  readonly status: Status
  /** With text, from the archive and new. */
  readonly messages: readonly Message[]
  /** Undefined until the chat is online for the first time. */
  readonly chat?: Chat
}

let state: ChatState = { status: { state: 'connecting' }, messages: [] }
let isStarted = false
const listeners = new Set<() => void>()

function change(next: Partial<ChatState>): void {
  state = { ...state, ...next }
  for (const listener of listeners) listener()
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener)
  if (!isStarted) {
    isStarted = true
    connect({
      ...{ Strophe, service: 'https://chat.example.org', token: '/chat/token', checkEvery: 60 },
      onStatus: status => change({ status }),
      onMessage: message => message.body !== undefined && change({ messages: [...state.messages, message] }),
      // `onStatus` has the reason.
    }).then(
      chat => change({ chat }),
      () => undefined,
    )
  }
  return () => listeners.delete(listener)
}

/** Use `chat.send(to, text)`, and `chat.signOut(before)`. */
export const useChat = (): ChatState =>
  useSyncExternalStore(
    subscribe,
    () => state,
    () => state,
  )
