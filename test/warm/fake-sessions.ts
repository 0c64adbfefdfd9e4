// `Sessions` without a connection manager.

import { withJid } from '../../src/session/registry/own-sessions.js'
import type {
  EndedSessions,
  EndWish,
  Handover,
  ResumedSession,
  SessionDetails,
  Sessions,
} from '../../src/session/session-types.js'
import { isOfVisit, pageOf, statesOf } from '../../src/store/session-order.js'
import type { PageWish, SessionPage, StoredSession, TabKey, VisitKey } from '../../src/store/store.js'
import { keys } from '../../src/store/store-keys.js'

export const idOf = (number: number) => number.toString(16).padStart(32, '0')

export const terms = { wait: 60, hold: 1, requests: 2, inactivity: 150, polling: 5, maxpause: 300, ver: '1.6' }

export const sidOf = (id: string) => `5ec7e7${id}`

export class FakeSessions implements Sessions {
  readonly views = new Map<string, StoredSession>()
  readonly resumed: (Handover & { id: string })[] = []
  readonly ended: string[] = []
  /** Ids of sessions at silent processes. */
  readonly lost = new Set<string>()
  processes: readonly string[] = []
  readonly #now: () => number

  constructor(now: () => number = () => 0) {
    this.#now = now
  }

  /** Adds a session of juliet, quiet since time 0. `more` replaces fields. */
  add(number: number, more: Partial<SessionDetails> = {}): StoredSession {
    const user = { id: idOf(number), jid: 'juliet@chat.example/balcony', domain: 'chat.example' }
    const usual = { origin: 'warmed', state: 'quiet', transport: 'bosh', openedAt: 0, quietSince: 0 } as const
    const view: StoredSession = { ...user, ...usual, isPage: false, process: '', ...more }
    this.views.set(view.id, view)
    return view
  }

  get = async (id: string): Promise<StoredSession | undefined> => this.views.get(id)
  isLost = async (id: string) => this.lost.has(id)
  getMany = async (ids: readonly string[]) => ids.flatMap(id => this.views.get(id) ?? [])
  states = async (scope: readonly string[]) => statesOf(this.views.values(), scope)

  async page({ jid, user, visit, ...wish }: PageWish): Promise<SessionPage> {
    const wanted = jid ?? user
    const views = wanted === undefined ? [...this.views.values()] : this.#ofJid(wanted)
    return pageOf(visit === undefined ? views : views.filter(view => isOfVisit(view, visit)), wish)
  }

  #ofJid(wanted: string): readonly StoredSession[] {
    const [bareJid] = wanted.split('/')
    const views = [...this.views.values()].filter(({ jid }) => jid?.split('/')[0] === bareJid)
    return withJid(views, wanted)
  }

  async resume(id: string, handover: Handover): Promise<ResumedSession | undefined> {
    this.resumed.push({ id, ...handover })
    const view = this.views.get(id)
    if (view === undefined || view.state === 'opening' || view.state === 'ended') return undefined
    this.views.set(id, { ...view, state: 'waiting', quietSince: this.#now() })
    const binding = { id, jid: view.jid!, sid: sidOf(id), rid: 4400120076 + 2 ** 20, delivered: 0 }
    const cookie = { name: `wb-${id}`, value: 'c00kie-value', attributes: 'HttpOnly; SameSite=Lax' }
    return { ...binding, ...terms, ...(handover.attachBinding === 'reply' && { cookie }) }
  }

  ofTab(wanted: TabKey): string | undefined {
    const found = [...this.views.values()].filter(({ tab }) => tab !== undefined && keys.tab(tab) === keys.tab(wanted))
    return found.find(({ state }) => state !== 'opening' && state !== 'ended')?.id
  }

  onVisitEnded: (visit: VisitKey) => void = () => {}

  async endAll(wish: EndWish): Promise<EndedSessions> {
    const views = [...this.views.values()]
    const found = 'jid' in wish ? this.#ofJid(wish.jid) : views.filter(view => isOfVisit(view, wish.visit))
    const elsewhere = found.filter(({ state }) => state === 'elsewhere').length
    const ended = await Promise.all(found.map(({ id }) => this.end(id)))
    if ('visit' in wish) this.onVisitEnded(wish.visit)
    return { ended: ended.filter(Boolean).length, elsewhere }
  }

  async end(id: string): Promise<boolean> {
    if (!this.views.delete(id)) return false
    this.ended.push(id)
    return true
  }
}
