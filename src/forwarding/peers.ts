import type { Clock } from '../lib/clock.js'
import { NoAnswer, type OtherProcesses } from '../store/other-processes.js'
import { processIn } from '../store/process-name.js'
import { type ProcessEntry, processSeconds, type Store } from '../store/store.js'
import type { PeerAddress } from './link-settings.js'
import { type AnswerCall, CallLost, callPeer } from './peer-calls.js'
import type { PeerLink, PeerLinks } from './peer-links.js'
import type { AcceptStream } from './peer-listener.js'

const answerMilliseconds = 1_000
/** Sids, ids and tokens of a process that is gone can still be known for this time, in milliseconds. */
const longestLost = 600_000
/** In milliseconds: longer than the entry of a dead process lives. */
const longestGone = (processSeconds + 2) * 1_000

interface PeersParts {
  readonly self: string
  /** The machine is its part before a comma. */
  readonly place: string
  readonly store: Pick<Store, 'processes'>
  readonly links: PeerLinks
  readonly clock: Clock
  /** Called for a process that lives, but does not accept connections from here. */
  readonly onUnreachable: (entry: ProcessEntry) => void
}

/** Another process. It need not answer. */
export interface Owner {
  readonly name: string
  readonly link: PeerLink
}

export type Peers = ReturnType<typeof createPeers> & OtherProcesses

/** The other processes of the service: links and calls to them. */
export function createPeers({ self, place, store, links, clock, onUnreachable }: PeersParts) {
  const lostSince = new Map<string, number>()
  const goneSince = new Map<string, number>()
  let before: readonly ProcessEntry[] = []

  const linkOf = (entry: ProcessEntry): PeerLink | undefined => {
    const address = readAddress(entry.address)
    if (address === undefined) return undefined
    if (!('path' in address) || machineOf(entry.place) === machineOf(place)) return links.to(address)
    onUnreachable(entry)
    return undefined
  }
  const entryOf = (name: string) => store.processes.find(each => each.name === name)
  const isGone = (name: string) => goneSince.has(name)
  const noteGone = (name: string) => {
    if (!isGone(name)) goneSince.set(name, clock.now())
  }
  const ownerNamed = (name: string): Owner | undefined => {
    if (isGone(name)) return undefined
    const entry = name === self ? undefined : entryOf(name)
    const link = entry && linkOf(entry)
    return link && { name, link }
  }

  return {
    ...callAnswers(),
    self,
    /** Returns false for streams that it does not serve. */
    accept: (() => false) as AcceptStream,
    get others() {
      return store.processes.filter(({ name }) => name !== self)
    },
    get lost(): readonly string[] {
      return [...lostSince.keys()]
    },
    /** To be called each second. */
    look(): void {
      const names = new Set(store.processes.map(({ name }) => name))
      for (const { name, isDraining } of before) if (!names.has(name) && !isDraining) lostSince.set(name, clock.now())
      for (const [name, since] of lostSince)
        if (names.has(name) || clock.now() - since > longestLost) lostSince.delete(name)
      for (const [name, since] of goneSince) {
        if (clock.now() - since <= longestGone) continue
        goneSince.delete(name)
        // It lives: its entry would have expired.
        const entry = entryOf(name)
        if (entry !== undefined) onUnreachable(entry)
      }
      before = store.processes
    },
    isGone,
    /** Nothing listens at the address of the process. */
    noteGone,
    ownerNamed,
    /** The process that a sid, an id or a token names. */
    ownerIn: (text: string): Owner | undefined => ownerNamed(processIn(text) ?? ''),
    /** A process that takes new sessions, except those in `asked`, to which its name is added. */
    forNewSession(asked = new Set<string>()): Owner | undefined {
      const others = store.processes.filter(({ name, isDraining }) => name !== self && !isDraining && !asked.has(name))
      const entry = others[Math.floor(Math.random() * others.length)]
      if (entry === undefined) return undefined
      asked.add(entry.name)
      return ownerNamed(entry.name) ?? this.forNewSession(asked)
    },
    /** Rejects with `NoAnswer`. */
    async ask(name: string, kind: string, question: unknown, milliseconds = answerMilliseconds): Promise<unknown> {
      const owner = ownerNamed(name)
      if (owner === undefined) throw new NoAnswer(name, 'gone')
      try {
        return await callPeer(owner.link, kind, question, { clock, milliseconds })
      } catch (error) {
        if (!(error instanceof CallLost)) throw error
        if (error.how === 'gone') noteGone(name)
        throw new NoAnswer(name, error.how === 'late' ? 'late' : error.how === 'gone' ? 'gone' : 'broken')
      }
    },
  }
}

function callAnswers() {
  const answers = new Map<string, (question: never) => unknown>()
  return {
    answer(kind: string, answer: (question: never) => unknown): void {
      answers.set(kind, answer)
    },
    answerCall: (async (kind, question) => {
      const answer = answers.get(kind)
      if (answer === undefined) throw new Error(`there is no call ${kind}`)
      return answer(question as never)
    }) satisfies AnswerCall,
  }
}

export function writeAddress(address: PeerAddress): string {
  if ('path' in address) return `unix:${address.path}`
  const { host, port } = address
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

function readAddress(text: string): PeerAddress | undefined {
  if (text.startsWith('unix:')) return { path: text.slice(5) }
  const [, host, port] = /^\[?([^[\]]+)\]?:(\d{1,5})$/.exec(text) ?? []
  return host === undefined || Number(port) > 65_535 ? undefined : { host, port: Number(port) }
}

const machineOf = (place: string) => place.split(',', 1)[0]
