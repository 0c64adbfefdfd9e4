// For Vue 3. Install strophe.js, and the file that `npm pack` makes in a clone of warm-bindings. All components of a
// page share one chat, which begins with the first of them and stays if they come and go.
import { Strophe } from 'strophe.js'
import { markRaw, type ShallowRef, shallowRef } from 'vue'
import { type Chat, connect, type Message, type Status } from 'warm-bindings/browser'

interface SharedChat {
  readonly status: ShallowRef<Status>
  /** With text, from the archive and new. */
  readonly messages: ShallowRef<readonly Message[]>
  /** Undefined until the chat is online for the first time. */
  readonly chat: ShallowRef<Chat | undefined>
}

let shared: SharedChat | undefined

/** Use `chat.value.send(to, text)`, and `chat.value.signOut(before)`. */
export function useChat(): SharedChat {
  shared ??= start({ status: shallowRef({ state: 'connecting' }), messages: shallowRef([]), chat: shallowRef() })
  return shared
}

function start(shared: SharedChat): SharedChat {
  const { status, messages, chat } = shared
  connect({
    ...{ Strophe, service: 'https://chat.example.org', token: '/chat/token', checkEvery: 60 },
    onStatus: next => {
      status.value = next
    },
    onMessage: message => {
      if (message.body !== undefined) messages.value = [...messages.value, message]
    },
    // `status` has the reason. The chat has private fields, which a proxy of Vue cannot read.
  }).then(
    next => (chat.value = markRaw(next)),
    () => undefined,
  )
  return shared
}
