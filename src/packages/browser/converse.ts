// `import { connectConverse } from '…/assets/warm-bindings-converse.js'`
import type { Status } from './chat.js'
import type { Converse, ConverseConnection, PrivateConverse } from './converse-types.js'
import { Departures, isUnconfirmed } from './departures.js'
import { mayReturn, type NoChat, replaced } from './failures.js'
import { LinkState, linkNamespace, mending } from './link-state.js'
import { Pauses } from './pauses.js'
import { longestFailure } from './retries.js'
import { type CheckOptions, checkSignIn } from './sign-in-check.js'
import { hangUp, socketAddress, socketPatience } from './socket.js'
import { askForBinding, type Located, type Source } from './source.js'
import { attached, connected, connecting, connectionFailed, disconnected, loginFailed } from './strophe.js'
import { randomName } from './tab.js'

export type { Binding } from './binding.js'
export type { BindingSource, TokenSource } from './source.js'
export type { Status }

export type ConverseOptions = Source & CheckOptions & OtherOptions

interface OtherOptions {
  /** `auto` uses WebSocket, or BOSH if WebSocket is blocked, or not online within 10 s. Default: `auto`. */
  readonly transport?: 'auto' | 'bosh' | 'websocket'
  readonly onStatus?: (status: Status) => void
  readonly settings?: Readonly<Record<string, unknown>>
}

const ownName = 'warm-bindings'
const mostProbes = 1000
/** In characters. A few long messages must not fill the storage. */
const mostText = 10_000
const mostXml = 30_000
/** Characters: enough for the longest full JID (3,071). */
const memorySize = 4000
const lost = 'There is no chat at the moment.'

/** Starts Converse 14, which the page loads, and reconnects it. */
export function connectConverse(options: ConverseOptions): Promise<void> {
  const converse = (globalThis as unknown as { readonly converse: Converse }).converse
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
    // This plugin would fetch `prebind_url`.
    blacklisted_plugins: [...listed('blacklisted_plugins'), 'converse-bosh'],
  })
}

/** All values have the same length, because a longer value might not fit into a full storage. */
function keep(memory: object): void {
  sessionStorage[ownName] = JSON.stringify(memory).padEnd(memorySize)
}

function start({ api, env, exports, state }: PrivateConverse, options: ConverseOptions): void {
  let { transport = 'auto' } = options
  const pauses = new Pauses()
  /** `seen` counts stanzas of the session. */
  const memory = { tab: randomName(), jid: '', seen: 0, ...JSON.parse(sessionStorage[ownName] ?? null) }
  let status = {} as Status
  let binding: Located | undefined
  let isResumed: boolean | undefined
  let isAttached: boolean | undefined
  let wasAttached: boolean | undefined
  let isReplaced = false
  let attempt = 0
  const departures = new Departures([], [], () => {})
  const { send } = api
  let isOverSocket = false
  /** Stream management has begun. */
  let isCounted = false
  /** Stanzas that the service has not acknowledged over the last WebSocket. */
  let unacked = ''
  let isAsking = false

  const give = (message: Element) => {
    send(message)
    // Converse alone asks only after five stanzas.
    if (isCounted) send(env.$build('r', { xmlns: 'urn:xmpp:sm:3' }))
  }

  /** Converse drops stanzas without a connection. */
  api.send = stanza => {
    const element = 'tree' in stanza ? stanza.tree() : stanza
    const isChat = element.getAttribute('type') === 'chat' && element.id && element.getElementsByTagName('body')[0]
    if (!isChat) return send(element)
    departures.add(element, isAttached, isAttached && isOverSocket)
    if (isAttached) give(element)
  }

  const sendAgain = () => {
    const unsent = departures.unsent()
    if (isOverSocket) departures.arrived()
    for (const message of unsent) give(message)
  }

  /** After the answer, the XMPP server also receives messages. */
  const askServer = (connection: ConverseConnection) => {
    if (isAsking || !isAttached) return
    isAsking = true
    const mine = attempt
    const ping = env.$build('iq', { type: 'get', to: connection.domain!, id: randomName() })
    const answered = (answer: Element | null) => {
      if (mine !== attempt) return
      isAsking = false
      if (answer && !isUnconfirmed(answer)) sendAgain()
    }
    connection.sendIQ(ping.c('ping', { xmlns: 'urn:xmpp:ping' }).tree(), answered, answered, longestFailure)
  }

  /** Removes the tab's name, because browsers copy storage to a duplicated tab. */
  const hideName = () => keep({ jid: memory.jid })

  const forget = () => {
    departures.clear()
    for (const key in sessionStorage) if (/^converse-/.test(key)) delete sessionStorage[key]
  }

  const enter = (next: Status) => {
    status = next
    options.onStatus?.(next)
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
      const fault = error as NoChat
      if (mine !== attempt) return
      if (fault.code) end(fault.code, fault.message)
      else wait(fault.message, fault.retryAfter)
    }
  }

  /** Starts a login of Converse, whose `login` hook calls `open`. */
  const logIn = async (found: Located) => {
    const { jid, resumed, websocket } = found
    if (!memory.jid.startsWith(`${jid.split('/')[0]}/`)) {
      if (wasAttached) return end('signed-out', 'You are not signed in any more.')
      forget()
    }
    isResumed = resumed
    const isKnown = resumed && jid === memory.jid
    memory.seen = Math.max(found.delivered ?? 0, isKnown ? memory.seen : 0)
    departures.goOn(found.rid, found.requests ?? 2, isKnown ? found.received : undefined, () => false)
    memory.jid = jid
    hideName()
    binding = found
    api.settings.set({
      bosh_service_url: found.url,
      websocket_url: websocket && transport !== 'bosh' && socketAddress(websocket.url),
    })
    const old = api.connection.get()
    if (old) {
      old.reset()
      // With a JID, Converse would use this connection again, although Strophe may still be closing it.
      old.jid = ''
    }
    await api.user.login(jid)
  }

  const open = (found: Located) => {
    const { delivered = 0 } = found
    const mine = ++attempt
    const connection = api.connection.get()!
    isOverSocket = connection.service.startsWith('ws')
    isCounted = false
    /** Number of stanzas, or undefined during a login over WebSocket. */
    let count = isOverSocket ? undefined : delivered
    connection.reconnecting = wasAttached!
    // If false, Converse would forget all presences, and its list of contacts would be wrong.
    connection.hasResumed = () => true
    const link = new LinkState(isMending => {
      if (mine === attempt && isAttached && isMending !== (status.code === mending.code))
        enter(isMending ? mending : { state: 'online' })
    })
    const watch = () => {
      if (!found.link_state) return
      connection.send(env.$build('watch', { xmlns: linkNamespace }).tree())
      connection.flush()
    }
    connection.xmlInput = element => {
      link.note(element)
      // Over WebSocket, stream management begins first.
      if (/^(enabled|resumed)$/.test(element.localName)) {
        isCounted = true
        watch()
      }
      if (count === undefined) {
        if (element.localName === 'iq') {
          count = delivered
          // A resumed session still has them, so that they would arrive twice.
          if (!isResumed) departures.lost(id => unacked.includes(id))
        }
        if (element.localName === 'resumed') count = memory.seen
        return
      }
      // Converse recognizes repeated messages by their ids, so repeated messages without an id are emptied.
      for (const stanza of isOverSocket ? [element] : element.children) {
        if (stanza.namespaceURI !== 'jabber:client') continue
        count += 1
        const isNew = count > memory.seen
        if (isNew) memory.seen = count
        if (stanza.localName !== 'message') continue
        // An error that comes again was taken back before.
        if (isNew ? departures.takeBack(stanza) === 'again' : isUnconfirmed(stanza)) {
          stanza.replaceChildren()
          stanza.setAttribute('type', 'normal')
          askServer(connection)
        }
        const body = stanza.querySelector('body')
        if (body) body.textContent = body.textContent.slice(0, mostText)
        if (!(isNew || stanza.id) || stanza.outerHTML.length > mostXml) stanza.replaceChildren()
      }
    }
    if (!isOverSocket) connection.xmlOutput = body => departures.note(body)
    const follow = (code: number, condition?: string | null) => {
      if (mine === attempt) isReplaced ||= condition === 'conflict'
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
      if (code === attached) watch()
    }
    if (!isResumed) state.session.save({ roster_cached: false })
    if (isOverSocket) {
      setTimeout(() => {
        if (mine !== attempt || isAttached) return
        attempt += 1
        hangUp(connection)
        if (transport === 'auto' && navigator.onLine) {
          transport = 'bosh'
          void ask()
        } else lose()
      }, socketPatience)
      connection.connect(found.jid, found.websocket!.token, follow)
    } else {
      state.session.save({ smacks_enabled: false, smacks_stream_id: null })
      connection.attach(found.jid, found.sid, found.rid, follow, found.wait, found.hold, found.requests)
    }
  }

  const lose = () => {
    attempt += 1
    isAsking = false
    if (isAttached && isOverSocket) unacked = JSON.stringify(state.session.get('unacked_stanzas') ?? '')
    if (isAttached) api.connection.reconnect()
    else wait(lost)
    isAttached = false
  }

  const wait = (reason: string, atLeast = 0) => {
    attempt += 1
    if (isReplaced) {
      isReplaced = false
      pauses.cancel()
      return enter({ state: 'offline', code: 'replaced', reason: replaced })
    }
    const retryIn = pauses.next(atLeast, ask)
    enter({ state: 'offline', code: 'unreachable', reason, retryIn })
    if (!retryIn) come()
  }

  const end = (code: string, reason: string) => {
    attempt += 1
    departures.clear()
    pauses.cancel()
    isAttached = wasAttached = false
    enter({ state: 'ended', code, reason })
    showEnd()
    if (api.connection.get()) void api.user.logout()
  }

  const showEnd = () => isEnded() && state.connfeedback.set({ connection_status: disconnected, message: status.reason })

  const isEnded = () => status.state === 'ended'

  const come = () => {
    if (document.hidden || !mayReturn(status.code)) return
    pauses.reset()
    void ask()
  }

  hideName()
  api.settings.extend({ bosh_service_url: '' })
  api.listen.on('initialized', () => {
    // The control box disappears when Converse clears the cache.
    const { ControlBox } = exports
    if (ControlBox) state.chatboxes.on('reset', () => state.chatboxes.add(new ControlBox({ id: 'controlbox' })))
    void ask()
  })
  api.listen.on('login', (_context: unknown, payload: object) => {
    if (binding) open(binding)
    else wait(lost)
    binding = undefined
    return { ...payload, success: true }
  })
  // Not earlier: after the first stanza the service delivers messages, which Converse would not take yet.
  api.listen.on('reconnected', () => setTimeout(() => isAttached && sendAgain()))
  api.listen.on('logout', () => isEnded() || end('closed', 'The chat has ended.'))
  api.listen.on('disconnected', showEnd)
  api.listen.on('presencesInitialized', () => {
    if (isResumed) return
    for (const presence of state.presences.models) {
      presence.resources.reset()
      presence.save({ presence: 'offline', show: '' })
    }
  })
  api.listen.on('rosterContactsFetched', () => {
    // A resumed session must ask, because servers send the presence of a contact only once.
    if (!isResumed) return
    const seen = state.roster.models.filter(contact => /to|both/.test(contact.get('subscription')!))
    for (const { id } of seen.slice(0, mostProbes)) api.send(env.$pres({ type: 'probe', to: id }))
  })
  checkSignIn(options, () => isAttached && attempt, end)
  addEventListener('online', come)
  addEventListener('visibilitychange', come)
  addEventListener('pagehide', () => isEnded() || keep(memory))
  addEventListener('pageshow', ({ persisted }) => {
    if (!persisted) return
    hideName()
    if (!isEnded()) lose()
  })
}
