// `import { connectConverse } from '…/assets/warm-bindings-converse.js'`
import type { Status } from './chat.js'
import type { Converse, PrivateConverse } from './converse-types.js'
import type { NoChat } from './failures.js'
import { Pauses } from './pauses.js'
import { socketAddress } from './socket.js'
import { askForBinding, type Located, type Source } from './source.js'
import { attached, connected, connecting, connectionFailed, disconnected, loginFailed } from './strophe.js'
import { randomName } from './tab.js'

export type { Binding } from './binding.js'
export type { BindingSource, TokenSource } from './source.js'
export type { Status }

export type ConverseOptions = Source & OtherOptions

interface OtherOptions {
  /** `auto`: WebSocket, or BOSH if WebSocket is blocked. */
  readonly transport?: 'auto' | 'bosh' | 'websocket'
  readonly onStatus?: (status: Status) => void
  /** Settings of Converse. */
  readonly settings?: Readonly<Record<string, unknown>>
}

/** Name of the plugin, and of its memory. */
const ownName = 'warm-bindings'
const mostProbes = 1000
const lost = 'There is no chat at the moment.'

/** Starts Converse 14, which the page loads. Reconnects after losses and reloads. */
export function connectConverse(options: ConverseOptions): Promise<void> {
  const { converse } = globalThis as unknown as { readonly converse: Converse }
  const { settings = {} } = options
  converse.plugins.add(ownName, {
    initialize() {
      const { _converse } = this
      start(_converse, options)
    },
  })
  const listed = (name: string) => (settings[name] as readonly string[] | undefined) ?? []
  return converse.initialize({
    // A store that tabs share would show messages twice, and outlive the visit.
    persistent_store: 'sessionStorage',
    clear_cache_on_logout: true,
    allow_logout: false,
    ...settings,
    authentication: 'prebind',
    keepalive: false,
    discover_connection_methods: false,
    whitelisted_plugins: [...listed('whitelisted_plugins'), ownName],
    // It would fetch `prebind_url`.
    blacklisted_plugins: [...listed('blacklisted_plugins'), 'converse-bosh'],
  })
}

/** Removes the memory, because browsers copy storage to a duplicated tab. */
function takeMemory(): string | null {
  const kept = sessionStorage.getItem(ownName)
  sessionStorage.removeItem(ownName)
  return kept
}

function start({ api, env, exports, state }: PrivateConverse, options: ConverseOptions): void {
  const { $pres } = env
  const { connection: connections, listen, send, settings } = api
  const { on } = listen
  const { onStatus } = options
  let { transport = 'auto' } = options
  const pauses = new Pauses()
  /** For the next page of this tab. `seen`: stanzas of the session. */
  let memory = { tab: randomName(), jid: '', seen: 0, ...JSON.parse(takeMemory()!) }
  let status: Status = { state: 'connecting' }
  /** For the next login of Converse. */
  let binding: Located | undefined
  let isResumed: boolean | undefined
  let isAttached = false
  let wasAttached = false
  let attempt = 0

  const enter = (next: Status) => {
    status = next
    onStatus?.(next)
  }

  const ask = async () => {
    const mine = ++attempt
    pauses.cancel()
    enter({ state: 'connecting' })
    state.connfeedback.set({ connection_status: connecting })
    try {
      const found = await askForBinding(options, memory.tab)
      if (mine === attempt) await logIn(found)
    } catch (error) {
      const { code, message, retryAfter } = error as NoChat
      if (mine !== attempt) return
      if (code) end(code, message)
      else wait(message, retryAfter)
    }
  }

  /** Converse sets the JID up, and calls the `login` hook. */
  const logIn = async (found: Located) => {
    const { jid, resumed, delivered = 0, url, websocket } = found
    const [user] = jid.split('/')
    if (wasAttached && user !== memory.jid.split('/')[0]) return end('signed-out', 'You are not signed in any more.')
    isResumed = resumed
    memory = { ...memory, jid, seen: Math.max(delivered, resumed && jid === memory.jid ? memory.seen : 0) }
    binding = found
    const isOverSocket = websocket && transport !== 'bosh'
    settings.set({
      bosh_service_url: url,
      websocket_url: isOverSocket && socketAddress(websocket.url),
    })
    const old = connections.get()
    if (old) {
      old.reset()
      // Otherwise Converse would use it again, although Strophe may still close it.
      old.jid = ''
    }
    await api.user.login(jid)
  }

  const open = (found: Located) => {
    const { jid, sid, rid, wait: longest, hold, requests, websocket, delivered = 0 } = found
    const mine = ++attempt
    const connection = connections.get()!
    const isOverSocket = connection.service.startsWith('ws')
    /** Stanzas of the session. Undefined before the end of a login over WebSocket. */
    let count = isOverSocket ? undefined : delivered
    connection.reconnecting = wasAttached
    // Otherwise Converse would drop presences that its contacts still show.
    connection.hasResumed = () => true
    connection.xmlInput = element => {
      if (count === undefined) {
        if (element.localName === 'iq') count = delivered
        if (element.localName === 'resumed') count = memory.seen
        return
      }
      // Converse recognizes repeated messages by their ids. Others are emptied.
      for (const stanza of isOverSocket ? [element] : element.children) {
        if (stanza.namespaceURI !== 'jabber:client') continue
        count += 1
        if (count > memory.seen) memory = { ...memory, seen: count }
        else if (stanza.localName === 'message' && !stanza.id) stanza.replaceChildren()
      }
    }
    const follow = (code: number, condition?: string | null) => {
      if (connection.disconnection_cause !== 'logout') {
        if (mine !== attempt) return
        if (code === connectionFailed && count === undefined && transport === 'auto' && navigator.onLine) {
          transport = 'bosh'
          attempt += 1
          void logIn(found)
          return
        }
        if (code === loginFailed || code === disconnected) return lose()
        if (code === attached || code === connected) {
          isAttached = wasAttached = true
          pauses.succeeded()
          enter({ state: 'online' })
        }
      }
      connection.onConnectStatusChanged(code, condition)
    }
    // The changes of an old roster are missing.
    if (!isResumed) state.session.save({ roster_cached: false })
    if (isOverSocket) connection.connect(jid, websocket!.token, follow)
    else {
      state.session.save({ smacks_enabled: false, smacks_stream_id: null })
      connection.attach(jid, sid, rid, follow, longest, hold, requests)
    }
  }

  const lose = () => {
    attempt += 1
    // Converse tidies up, and calls the `login` hook.
    if (isAttached) connections.reconnect()
    else wait(lost)
    isAttached = false
  }

  const wait = (reason: string, atLeast = 0) => {
    attempt += 1
    const retryIn = pauses.next(atLeast, ask)
    enter({ state: 'offline', code: 'unreachable', reason, retryIn })
    // A hidden page waits until the user returns.
    if (!retryIn) come()
  }

  const end = (code: string, reason: string) => {
    attempt += 1
    pauses.cancel()
    isAttached = wasAttached = false
    enter({ state: 'ended', code, reason })
    showEnd()
    if (connections.get()) void api.user.logout()
  }

  const showEnd = () => isEnded() && state.connfeedback.set({ connection_status: disconnected, message: status.reason })

  const isEnded = () => status.state === 'ended'

  const come = () => {
    if (document.hidden || status.code !== 'unreachable') return
    pauses.reset()
    void ask()
  }

  settings.extend({ bosh_service_url: '' })
  on('initialized', () => {
    // Converse drops its control box with its cache.
    const { ControlBox } = exports
    if (ControlBox) state.chatboxes.on('reset', () => state.chatboxes.add(new ControlBox({ id: 'controlbox' })))
    void ask()
  })
  on('login', (_context: unknown, payload: object) => {
    if (binding) open(binding)
    else wait(lost)
    binding = undefined
    return { ...payload, success: true }
  })
  on('logout', () => isEnded() || end('closed', 'The chat has ended.'))
  on('disconnected', showEnd)
  on('presencesInitialized', () => {
    if (isResumed) return
    for (const presence of state.presences.models) {
      presence.resources.reset()
      presence.save({ presence: 'offline', show: '' })
    }
  })
  on('rosterContactsFetched', () => {
    // Servers send the presence of a contact only once.
    if (!isResumed) return
    const seen = state.roster.models.filter(contact => /to|both/.test(contact.get('subscription')!))
    for (const { id } of seen.slice(0, mostProbes)) send($pres({ type: 'probe', to: id }))
  })
  addEventListener('online', come)
  addEventListener('visibilitychange', come)
  addEventListener('pagehide', () => isEnded() || sessionStorage.setItem(ownName, JSON.stringify(memory)))
  addEventListener('pageshow', ({ persisted }) => {
    if (!persisted) return
    takeMemory()
    if (!isEnded()) lose()
  })
}
