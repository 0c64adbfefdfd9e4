import type { Request } from 'express'
import type { Admin } from '../../config/config.js'
import { pageAdvice } from '../../http/answers/advice.js'
import { detailOf } from '../../http/answers/answer.js'
import type { Problem } from '../../lib/errors.js'
import type { PageWish, SessionPage, SessionState } from '../../store/store.js'
import { formatJid, type Jid, userOf } from '../../xmpp/jid/jid.js'
import { roleAllows } from '../calls.js'
import { countedSessions, grouped, meanings, stateTexts } from '../page-texts.js'
import { badParameter, type Values } from '../parameter-kinds.js'
import {
  type listParameters,
  orderOf,
  type orders,
  type pageParameters,
  sessionStates,
  usualRows,
} from '../parameters.js'
import { queryOf } from '../read-parameters.js'
import { describeRow, type Viewer } from './details-page.js'

interface ListedSessions {
  readonly page: SessionPage
  readonly states: ReadonlyMap<SessionState, number>
}

interface ListViewer extends Viewer {
  readonly request: Request
  /** Empty with one process. */
  readonly processes: readonly string[]
}

type ListQuery = Values<typeof pageParameters>

const usualRefresh = 15
const mostLiveRows = 100

export function listPage(listed: ListedSessions, query: ListQuery, viewer: ListViewer, notice?: string) {
  const { refresh, limit = usualRows } = query
  const sent = sentQuery(viewer.request)
  const isFiltered = filters.some(({ name }) => sent.has(name))
  return listValues(viewer, {
    ...describeListed(listed, query, viewer),
    refresh,
    isLive: refresh === undefined && limit <= mostLiveRows,
    notice,
    filter: filters.flatMap(({ name, label }) =>
      sent.has(name) ? { name: label, value: textOf(name, sent.get(name)!) } : [],
    ),
    links: {
      again: changed(sent, {}),
      still: changed(sent, { refresh: undefined }),
      refreshing: changed(sent, { refresh: String(usualRefresh) }),
      all: isFiltered && changed(new URLSearchParams(), { refresh: sent.get('refresh') ?? undefined }),
    },
    usualRefresh,
  })
}

/** Undefined if the mistake is in no field. */
export function listWithMistake(problem: Problem, viewer: ListViewer) {
  const field = mistakenField(problem, sentQuery(viewer.request))
  if (field === undefined) return undefined
  const message = problem.parameter?.rule ?? `${detailOf(problem)} ${pageAdvice[problem.code]}`
  return listValues(viewer, { errors: { [field]: message }, isOpen: !usual.includes(field) })
}

function mistakenField({ code, parameter }: Problem, sent: URLSearchParams): string | undefined {
  if (code === 'invalid-jid') return 'jid'
  if (code === 'forbidden') return sent.has('domain') ? 'domain' : 'jid'
  return filters.find(({ name }) => name === parameter?.name)?.name
}

const filters: readonly { readonly name: keyof ListQuery; readonly label: string }[] = [
  { name: 'search', label: 'search' },
  { name: 'state', label: 'state' },
  { name: 'jid', label: 'user' },
  { name: 'domain', label: 'domain' },
  { name: 'transport', label: 'transport' },
  { name: 'origin', label: 'opened by' },
  { name: 'process', label: 'process' },
  { name: 'visit', label: 'visit' },
]

const usual: readonly string[] = ['search', 'state']

const choices = {
  transport: [
    ['bosh', 'BOSH'],
    ['websocket', 'WebSocket'],
  ],
  origin: [
    ['warmed', 'an admin or a token'],
    ['connect', 'a page token'],
    ['client', 'the client itself'],
  ],
  sort: [
    ['', 'newest first'],
    ['opened', 'oldest first'],
    ['jid', 'by JID'],
    ['state', 'by state'],
    ['-quiet', 'longest quiet first'],
  ],
} as const

const valueTexts: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  state: stateTexts,
  transport: Object.fromEntries(choices.transport),
  origin: Object.fromEntries(choices.origin),
}

function textOf(name: string, value: string): string {
  const texts = valueTexts[name] ?? {}
  return Object.hasOwn(texts, value) ? texts[value]! : value
}

function rowChoices(limit: string | null) {
  const least = String(usualRows)
  const other = limit === null || limit === least || limit === '100' || limit === '200' ? [] : [[limit, limit]]
  return [['', least], ['100', '100'], ['200', '200'], ...other]
}

function listValues({ request, processes }: ListViewer, values: object) {
  const sent = sentQuery(request)
  const fields = Object.fromEntries(filters.map(({ name }) => [name, sent.get(name)]))
  const options = Object.fromEntries(
    Object.entries({
      ...choices,
      limit: rowChoices(sent.get('limit')),
      process: processes.map(name => [name, name]),
    }).map(([name, pairs]) => [
      name,
      pairs.map(([value, text]) => ({ value, text, isChosen: sent.get(name) === value })),
    ]),
  )
  const states = sessionStates.map(name => ({
    name,
    text: stateTexts[name],
    meaning: meanings[name],
    isChosen: sent.get('state') === name,
  }))
  const chips = filters
    .filter(({ name }) => !usual.includes(name) && sent.has(name))
    .map(({ name, label }) => ({
      label,
      value: textOf(name, sent.get(name)!),
      without: changed(sent, { [name]: undefined, page: undefined, after: undefined }),
    }))
  const back = changed(sent, {}).slice(1)
  return { title: 'Sessions', fields, options, states, chips, back, errors: {}, ...values }
}

function describeListed({ page, states }: ListedSessions, query: ListQuery, viewer: ListViewer) {
  const { total } = page
  const { limit = usualRows, page: number = 1 } = query
  const sent = sentQuery(viewer.request)
  const rows = page.sessions.map(view => describeRow(view, viewer))
  const first = (number - 1) * limit + 1
  const range =
    rows.length < total && rows.length > 0 ? `${grouped(first)}–${grouped(first + rows.length - 1)} of ` : ''
  return {
    rows,
    picks: roleAllows(viewer.admin, 'logout') && query.refresh === undefined,
    isBeyond: number > 1,
    hasVisits: rows.some(({ visit }) => visit !== undefined),
    hasProcesses: viewer.processes.length > 1,
    isFiltered: filters.some(({ name }) => sent.has(name)),
    caption: range + countedSessions(total),
    isListed: true,
    totals: roleAllows(viewer.admin, 'sessions') ? totalsOf(states, sent) : undefined,
    columns: columnsOf(query, sent),
    pages: pagesOf(number, Math.ceil(total / limit), sent),
  }
}

function totalsOf(states: ReadonlyMap<SessionState, number>, sent: URLSearchParams) {
  const refresh = sent.get('refresh') ?? undefined
  const all = [...states.values()].reduce((sum, count) => sum + count, 0)
  const link = (state: string | undefined) => changed(new URLSearchParams(), { state, refresh })
  const names = sessionStates.filter(name => states.has(name))
  return [
    { name: 'in all', count: grouped(all), href: link(undefined) },
    ...names.map(name => ({ name: stateTexts[name], count: grouped(states.get(name)!), href: link(name) })),
  ]
}

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
      return [
        name,
        { href, sorted: isSorted ? (ascendingOrders.includes(sort) ? 'ascending' : 'descending') : undefined },
      ]
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

function sentQuery({ url }: Request): URLSearchParams {
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

export function toListWish(
  query: Values<typeof listParameters>,
  { name, domains }: Admin,
  usual: { readonly limit: number; readonly sort: (typeof orders)[number] },
): PageWish {
  const { jid, search, domain, state, transport, origin, process, visit } = query
  const { limit = usual.limit, after, sort = usual.sort, page = 1 } = query
  const order = orderOf(sort)
  if (after !== undefined && query.page !== undefined) throw badParameter('page', 'Either page or after is allowed.')
  if (after !== undefined && order.by !== 'opened')
    throw badParameter('after', 'It is allowed only with sort opened or -opened. Use page.')
  return {
    scope: domains,
    ...(jid && ofJid(jid)),
    search: search?.toLowerCase(),
    domain,
    state,
    transport,
    origin,
    process,
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
