import type { Request } from 'express'
import type { Admin } from '../../config/config.js'
import { pageAdvice } from '../../http/answers/advice.js'
import { detailOf } from '../../http/answers/answer.js'
import type { Problem } from '../../lib/errors.js'
import type { PageWish, SessionPage, SessionState } from '../../store/store.js'
import { formatJid, type Jid, userOf } from '../../xmpp/jid/jid.js'
import { roleAllows } from '../calls.js'
import { countedSessions, grouped, meanings, stateTexts, transportTexts } from '../page-texts.js'
import { badParameter, type Values } from '../parameter-kinds.js'
import { orderOf, type pageParameters, sessionStates, usualLimit, usualRows } from '../parameters.js'
import { queryOf } from '../read-parameters.js'
import { describeRow, type Viewer } from './details-page.js'

interface ListViewer extends Viewer {
  /** The query, without empty fields of a form. */
  readonly sent: URLSearchParams
  /** Empty with one process. */
  readonly processes: readonly string[]
}

type States = ReadonlyMap<SessionState, number>

type ListQuery = Values<typeof pageParameters>

const usualRefresh = 15
const mostLiveRows = 100

export function listPage(part: SessionPage, states: States, query: ListQuery, viewer: ListViewer, notice?: string) {
  const { refresh, limit = usualRows, page: number = 1 } = query
  const { sent, admin, processes } = viewer
  const rows = part.sessions.map(view => describeRow(view, viewer))
  const first = (number - 1) * limit + 1
  const isPart = rows.length < part.total && rows.length > 0
  const range = isPart ? `${grouped(first)}–${grouped(first + rows.length - 1)} of ` : ''
  return {
    ...listValues(viewer),
    refresh,
    usualRefresh,
    isLive: refresh === undefined && limit <= mostLiveRows,
    notice,
    links: {
      again: changed(sent, {}),
      still: changed(sent, { refresh: undefined }),
      refreshing: changed(sent, { refresh: String(usualRefresh) }),
    },
    isListed: true,
    rows,
    picks: roleAllows(admin, 'logout') && refresh === undefined,
    isBeyond: number > 1,
    hasVisits: rows.some(({ visit }) => visit !== undefined),
    hasProcesses: processes.length > 1,
    caption: range + countedSessions(part.total),
    totals: roleAllows(admin, 'sessions') ? totalsOf(states, sent) : undefined,
    columns: columnsOf(query, sent),
    pages: pagesOf(number, Math.ceil(part.total / limit), sent),
  }
}

/** Undefined if the mistake is in no field. */
export function listWithMistake(problem: Problem, viewer: ListViewer) {
  const field = mistakenField(problem, viewer.sent)
  if (field === undefined) return undefined
  const message = problem.parameter?.rule ?? `${detailOf(problem)} ${pageAdvice[problem.code]}`
  return { ...listValues(viewer), errors: { [field]: message }, isOpen: !usual.includes(field) }
}

function mistakenField({ code, parameter }: Problem, sent: URLSearchParams): string | undefined {
  if (code === 'invalid-jid') return 'jid'
  if (code === 'forbidden') return sent.has('domain') ? 'domain' : 'jid'
  return filters.find(name => name === parameter?.name)
}

const filters = ['search', 'state', 'jid', 'domain', 'transport', 'origin', 'process', 'visit'] as const
const usual: readonly string[] = ['search', 'state']
const labels: Readonly<Record<string, string>> = { jid: 'user', origin: 'opened by' }

const choices = {
  transport: transportTexts,
  origin: { warmed: 'an admin or a token', connect: 'a page token', client: 'the client itself' },
  sort: {
    '': 'newest first',
    opened: 'oldest first',
    jid: 'by JID',
    state: 'by state',
    '-quiet': 'longest quiet first',
  },
}

const valueTexts: Readonly<Record<string, Readonly<Record<string, string>>>> = { state: stateTexts, ...choices }

function textOf(name: string, value: string): string {
  const texts = valueTexts[name] ?? {}
  return Object.hasOwn(texts, value) ? texts[value]! : value
}

function listValues({ sent, processes }: ListViewer) {
  const rows = sent.get('limit') ?? String(usualRows)
  const choosable = {
    ...choices,
    limit: Object.fromEntries([usualRows, 100, 200, rows].map(count => [count, String(count)])),
    process: Object.fromEntries(processes.map(name => [name, name])),
  }
  const optionsOf = (name: string, texts: Readonly<Record<string, string>>) =>
    Object.entries(texts).map(([value, text]) => ({ value, text, isChosen: (sent.get(name) ?? rows) === value }))
  const filter = filters
    .filter(name => sent.has(name))
    .map(name => ({
      name,
      label: labels[name] ?? name,
      value: textOf(name, sent.get(name)!),
      without: changed(sent, { [name]: undefined, page: undefined, after: undefined }),
    }))
  return {
    title: 'Sessions',
    fields: Object.fromEntries(sent),
    options: Object.fromEntries(Object.entries(choosable).map(([name, texts]) => [name, optionsOf(name, texts)])),
    states: sessionStates.map(value => ({
      value,
      text: stateTexts[value],
      meaning: meanings[value],
      isChosen: sent.get('state') === value,
    })),
    filter,
    chips: filter.filter(({ name }) => !usual.includes(name)),
    all: filter.length > 0 && changed(new URLSearchParams(), { refresh: sent.get('refresh') ?? undefined }),
    back: changed(sent, {}).slice(1),
  }
}

function totalsOf(states: States, sent: URLSearchParams) {
  const refresh = sent.get('refresh') ?? undefined
  const all = [...states.values()].reduce((sum, count) => sum + count, 0)
  const link = (state: string | undefined) => changed(new URLSearchParams(), { state, refresh })
  const names = sessionStates.filter(name => states.has(name))
  return [
    { name: 'in all', count: grouped(all), href: link(undefined) },
    ...names.map(name => ({ name: stateTexts[name], count: grouped(states.get(name)!), href: link(name) })),
  ]
}

/** The order after the first click on each column, and after the second. */
const columns = {
  jid: ['jid', '-jid'],
  state: ['state', '-state'],
  opened: ['-opened', 'opened'],
  quiet: ['-quiet', 'quiet'],
} as const

/** `-opened` puts the newest session first, so the ages in its column ascend. */
const ascendingOrders: readonly string[] = ['jid', 'state', '-opened', 'quiet']

function columnsOf({ sort = '-opened' }: ListQuery, sent: URLSearchParams) {
  return Object.fromEntries(
    Object.entries(columns).map(([name, [first, second]]) => {
      const isSorted = sort === first || sort === second
      const href = changed(sent, { sort: sort === first ? second : first, page: undefined, after: undefined })
      const direction = ascendingOrders.includes(sort) ? 'ascending' : 'descending'
      return [name, { href, sorted: isSorted ? direction : undefined }]
    }),
  )
}

function pagesOf(number: number, count: number, sent: URLSearchParams) {
  if (count <= 1 && number === 1) return undefined
  const to = (page: number) => changed(sent, { page: page === 1 ? undefined : String(page), after: undefined })
  const near = [1, number - 2, number - 1, number, number + 1, number + 2, count]
  const numbers = [...new Set(near)].filter(page => page >= 1 && page <= count).sort((a, b) => a - b)
  const others = changed(sent, { page: undefined, after: undefined })
  return {
    count,
    // If some pages have no link, a form leads to them.
    hasOthers: numbers.length < count,
    fields: Array.from(new URLSearchParams(others), ([name, value]) => ({ name, value })),
    previous: number > 1 ? to(Math.min(number - 1, count || 1)) : undefined,
    next: number < count ? to(number + 1) : undefined,
    numbers: numbers.map((page, index) => ({
      page,
      href: to(page),
      isCurrent: page === number,
      isGap: index > 0 && page - numbers[index - 1]! > 1,
    })),
  }
}

export function sentIn({ url }: Pick<Request, 'url'>): URLSearchParams {
  const sent = new URLSearchParams(queryOf(url))
  return new URLSearchParams([...sent].filter(([, value]) => value !== ''))
}

function changed(sent: URLSearchParams, changes: Readonly<Record<string, string | undefined>>): string {
  const query = new URLSearchParams(sent)
  for (const [name, value] of Object.entries(changes)) {
    if (value === undefined) query.delete(name)
    else query.set(name, value)
  }
  return `?${query}`
}

const usualOfPage = { limit: usualRows, sort: '-opened' } as const
const usualOfPrograms = { limit: usualLimit, sort: 'opened' } as const

export function toListWish(query: ListQuery, { name, domains }: Admin, isPage: boolean): PageWish {
  const usual = isPage ? usualOfPage : usualOfPrograms
  const { jid, search, visit, limit = usual.limit, after, sort = usual.sort, page = 1, refresh: _, ...filters } = query
  const order = orderOf(sort)
  if (after !== undefined && query.page !== undefined) throw badParameter('page', 'Either page or after is allowed.')
  if (after !== undefined && order.by !== 'opened')
    throw badParameter('after', 'It is allowed only with sort opened or -opened. Use page.')
  return {
    ...filters,
    scope: domains,
    ...(jid && ofJid(jid)),
    search: search?.toLowerCase(),
    visit: visit === undefined ? undefined : { admin: name, visit },
    limit,
    after,
    skip: (page - 1) * limit,
    ...order,
  }
}

/** The sessions of a bare JID, or the session of a full JID. */
export function ofJid(jid: Jid): Pick<PageWish, 'user' | 'jid'> {
  const text = formatJid(jid)
  return { user: userOf(text), jid: text.includes('/') ? text : undefined }
}
