// `import { earlier, people, readMarks, typing } from '…/assets/warm-bindings-more.js'`
import type { Chat } from './chat.js'
import { bareJid, childOf, conditionOf, forwardedIn, isOfAccount, type Message, readMessage } from './message.js'
import { randomName } from './page-memory.js'
import { newElement, newStanza } from './written-xml.js'

const statesNamespace = 'http://jabber.org/protocol/chatstates'
const marksNamespace = 'urn:xmpp:chat-markers:0'
const archiveNamespace = 'urn:xmpp:mam:2'
const cardNamespace = 'vcard-temp'

/** Milliseconds without a further key. */
const pauseOfTyping = 5_000
/** Milliseconds. The other side may have gone while it was typing. */
const longestTyping = 30_000
const patience = 15_000
/** Strangers can send from any number of JIDs, and everybody with any number of resources. */
const mostStrangers = 1000
const mostClients = 100
/** Characters. Contacts write their own names. */
const longestName = 100
const lookUpsAtOnce = 5
/** Milliseconds. */
const pauseOfNews = 100

/** Returns false if the chat is offline. */
function send(chat: Chat, to: string, ...children: readonly Element[]): boolean {
  const { connection } = chat
  if (chat.status.state !== 'online' || !connection) return false
  connection.send(newStanza('message', { to, type: 'chat', id: randomName() }, ...children))
  connection.flush()
  return true
}

/** The oldest are forgotten. */
function remember(jids: Set<string>, jid: string): void {
  jids.delete(jid)
  jids.add(jid)
  for (const oldest of jids) {
    if (jids.size <= mostStrangers) return
    jids.delete(oldest)
  }
}

/** To a person, not to a room. Elements can be added. */
function whenSending(chat: Chat, act: (stanza: Element, to: string) => void): void {
  chat.addEventListener('sending', ({ detail: stanza }) => {
    if (stanza.getAttribute('type') === 'chat') act(stanza, bareJid(stanza.getAttribute('to')!))
  })
}

/** Of other people, and not of the past. */
function whenReceived(chat: Chat, act: (message: Message, from: string) => void): void {
  chat.addEventListener('message', ({ detail: message }) => {
    const { from, own, archived, type } = message
    if (!own && !archived && type === 'chat') act(message, bareJid(from))
  })
}

export interface Typing {
  /** Call at each input. `to` is told only after it has shown that it knows such notices. */
  tell(to: string): void
  /** Call if the field is empty again. Sent messages do this themselves. */
  stop(to: string): void
}

/** Tells who is typing (XEP-0085). `from` is a bare JID. */
export function typing(chat: Chat, onTyping: (from: string, isTyping: boolean) => void): Typing {
  const knowing = new Set<string>()
  const others = new Map<string, ReturnType<typeof setTimeout>>()
  const own = new Map<string, ReturnType<typeof setTimeout>>()
  const show = (from: string, isTyping: boolean) => {
    const was = others.has(from)
    clearTimeout(others.get(from))
    others.delete(from)
    if (isTyping && others.size < mostStrangers) others.set(from, setTimeout(show, longestTyping, from, false))
    if (was !== others.has(from)) onTyping(from, isTyping)
  }
  const forget = (to: string) => {
    clearTimeout(own.get(to))
    return own.delete(to)
  }
  const notice = (to: string, state: string) => send(chat, to, newElement(state, { xmlns: statesNamespace }))
  whenSending(chat, (stanza, to) => {
    forget(to)
    stanza.append(newElement('active', { xmlns: statesNamespace }))
  })
  whenReceived(chat, ({ stanza, body }, from) => {
    const state = [...stanza.children].find(({ namespaceURI }) => namespaceURI === statesNamespace)?.localName
    if (state) remember(knowing, from)
    if (state || body !== undefined) show(from, state === 'composing')
  })
  chat.addEventListener('presence', ({ detail: { from, isAvailable } }) => {
    if (!isAvailable) show(bareJid(from), false)
  })
  return {
    tell(jid) {
      const to = bareJid(jid)
      if (!knowing.has(to)) return
      if (!forget(to)) notice(to, 'composing')
      const pause = () => {
        own.delete(to)
        notice(to, 'paused')
      }
      own.set(to, setTimeout(pause, pauseOfTyping))
    },
    stop(jid) {
      const to = bareJid(jid)
      if (forget(to)) notice(to, 'active')
    },
  }
}

export interface ReadMarks {
  /**
   * Call when the user has seen the message. The sender is told if it has asked for this, and once for several messages
   * that arrive together, as those of the archive do.
   */
  read(message: Message): void
}

/** Tells which own messages the other side has seen (XEP-0333). `from` is a bare JID, `id` is of a message to it. */
export function readMarks(chat: Chat, onRead: (from: string, id: string) => void): ReadMarks {
  const reading = new Map<string, string>()
  const told = new Map<string, string>()
  const markIn = (stanza: Element) => childOf(stanza, 'displayed', marksNamespace)?.getAttribute('id')
  whenSending(chat, stanza => stanza.append(newElement('markable', { xmlns: marksNamespace })))
  whenReceived(chat, ({ stanza }, from) => {
    const id = markIn(stanza)
    if (id) onRead(from, id)
  })
  // Prosody archives marks: without this, each reload would add marks to the archive, until it returned nothing else.
  chat.addEventListener('message', ({ detail: { own, to, stanza } }) => {
    const id = own && markIn(stanza)
    if (id) told.set(bareJid(to), id)
  })
  const tell = (to: string) => {
    const id = reading.get(to)
    if (!id) return
    if (told.get(to) !== id && !send(chat, to, newElement('displayed', { xmlns: marksNamespace, id }))) return
    told.set(to, id)
    reading.delete(to)
  }
  // The user has seen some without a connection.
  chat.addEventListener('status', () => {
    for (const to of reading.keys()) tell(to)
  })
  return {
    read({ from, id, own, type, stanza }) {
      if (own || !id || type !== 'chat' || !childOf(stanza, 'markable', marksNamespace)) return
      const to = bareJid(from)
      if (!reading.has(to)) queueMicrotask(() => tell(to))
      reading.set(to, id)
    },
  }
}

export interface Earlier {
  /** The oldest first. Those that the page shows already have the same `id`. */
  readonly messages: readonly Message[]
  /** For the next call. Undefined if there are no earlier messages. */
  readonly before: string | undefined
}

/**
 * Asks the archive (XEP-0313) for the newest messages with this JID, or for those before a place. Rejects with an error
 * if the server refuses or does not answer.
 */
export async function earlier(chat: Chat, jid: string, { before = '', most = 50 } = {}): Promise<Earlier> {
  const { connection } = chat
  if (!connection) throw new Error('The chat is not connected.')
  const queryid = randomName()
  const messages: Message[] = []
  let oldest: string | undefined
  const take = (stanza: Element) => {
    const result = childOf(stanza, 'result', archiveNamespace)
    const forwarded = forwardedIn(result)
    if (isOfAccount(stanza, chat.jid) && forwarded && result!.getAttribute('queryid') === queryid) {
      oldest ??= result!.getAttribute('id') ?? undefined
      messages.push(readMessage(forwarded[1], chat.jid, forwarded[0]))
    }
    return true
  }
  const handler = connection.addHandler(take, null, 'message', null)
  const field = (name: string, value: string) => newElement('field', { var: name }, newElement('value', {}, value))
  const form = newElement('x', { xmlns: 'jabber:x:data', type: 'submit' }, field('FORM_TYPE', archiveNamespace))
  form.append(field('with', bareJid(jid)))
  const set = newElement('set', { xmlns: 'http://jabber.org/protocol/rsm' }, newElement('max', {}, String(most)))
  set.append(newElement('before', {}, before))
  const query = newElement('query', { xmlns: archiveNamespace, queryid }, form, set)
  const answer = await ask(chat, 'set', undefined, query)
  connection.deleteHandler(handler)
  if (!answer) throw new Error('The archive does not answer.')
  if (answer.getAttribute('type') === 'error') throw new Error(`The archive refuses: ${conditionOf(answer)}.`)
  const isAll = /true|1/.test(childOf(answer, 'fin', archiveNamespace)?.getAttribute('complete') ?? '')
  return { messages, before: isAll ? undefined : oldest }
}

/** Resolves with the answer, which can be an error, or with null if there is none. */
function ask({ connection }: Chat, type: string, to: string | undefined, payload: Element): Promise<Element | null> {
  const answer = new Promise<Element | null>(resolve => {
    const iq = newStanza('iq', { type, id: randomName(), ...(to && { to }) }, payload)
    connection!.sendIQ(iq, resolve, resolve, patience)
    // Strophe forgets its own timers when the connection is lost.
    setTimeout(resolve, patience, null)
    connection!.flush()
  })
  return answer.catch(() => null)
}

export interface Person {
  /** Bare JID. */
  readonly jid: string
  /** From the contact list, or else from the vCard (XEP-0054), or else the local part. */
  readonly name: string
  readonly isAvailable: boolean
}

/** In one line. Signs that reorder the text around them are left out. */
function shortened(name: string): string {
  const shown = name.slice(0, 10 * longestName).replaceAll(/[\p{Cc}\s\u202a-\u202e\u2066-\u2069]+/gu, ' ')
  return [...shown.trim()].slice(0, longestName).join('')
}

/** Calls `onChange` with all contacts, by name, soon after one of them changes. */
export function people(chat: Chat, onChange: (people: readonly Person[]) => void): void {
  const names = new Map<string, string>()
  /** They have no name in a vCard, or no vCard. */
  const nameless = new Set<string>()
  const clients = new Map<string, Set<string>>()
  const unnamed = new Set<string>()
  const unanswered = new Set<string>()
  let listed: ReadonlySet<string> = new Set()
  let isTelling = false
  let lookUps = 0
  let { jid: session } = chat
  const localOf = (jid: string) => jid.split('@')[0]!
  const tell = () => {
    isTelling = false
    const all = [...listed].map(jid => ({ jid, name: names.get(jid) ?? localOf(jid), isAvailable: clients.has(jid) }))
    onChange(all.sort((one, other) => one.name.localeCompare(other.name)))
  }
  const tellSoon = () => {
    if (!isTelling) setTimeout(tell, pauseOfNews)
    isTelling = true
  }
  const lookUp = async (jid: string) => {
    const answer = await ask(chat, 'get', jid, newElement('vCard', { xmlns: cardNamespace }))
    const card = answer && childOf(answer, 'vCard', cardNamespace)
    const name = shortened((card && childOf(card, 'FN', cardNamespace)?.textContent) ?? '')
    if (name) {
      names.set(jid, name)
      tellSoon()
    } else (answer ? nameless : unanswered).add(jid)
  }
  // Servers slow down clients that send many requests at once.
  const lookUpAll = async () => {
    lookUps += 1
    for (const jid of unnamed) {
      unnamed.delete(jid)
      await lookUp(jid)
    }
    lookUps -= 1
  }
  const begin = () => {
    for (let left = lookUpsAtOnce - lookUps; left > 0; left--) lookUpAll()
  }
  chat.addEventListener('contacts', ({ detail }) => {
    listed = new Set(detail.map(({ jid }) => bareJid(jid)))
    for (const { jid, name } of detail) if (name) names.set(bareJid(jid), name)
    tellSoon()
    for (const jid of listed) if (!names.has(jid) && !nameless.has(jid)) unnamed.add(jid)
    begin()
  })
  // In a new session, some servers send nothing for those who have left.
  chat.addEventListener('status', ({ detail: { state } }) => {
    if (state !== 'online') return
    for (const jid of unanswered) unnamed.add(jid)
    unanswered.clear()
    begin()
    if (session === chat.jid) return
    session = chat.jid
    nameless.clear()
    clients.clear()
    tellSoon()
  })
  chat.addEventListener('presence', ({ detail: { from, isAvailable } }) => {
    const jid = bareJid(from)
    const known = clients.get(jid)
    if (!known && !listed.has(jid) && clients.size >= listed.size + mostStrangers) return
    const online = known ?? new Set()
    // Servers answer for a contact without a client from the bare JID.
    if (!isAvailable && !from.includes('/')) online.clear()
    else if (!isAvailable) online.delete(from)
    else if (online.size < mostClients) online.add(from)
    if (online.size > 0) clients.set(jid, online)
    else clients.delete(jid)
    if (listed.has(jid) && !known !== !clients.has(jid)) tellSoon()
  })
}
