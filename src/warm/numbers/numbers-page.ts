import { documents } from '../../http/answers/documents.js'
import type { SessionState } from '../../store/store.js'
import { formatTime } from '../answers.js'
import { span, stateTexts } from '../page-texts.js'
import { sessionStates } from '../parameters.js'
import { type Capacity, type Resource, resources, type Use } from './capacity.js'
import { minuteMilliseconds, type Series, timeWithin } from './last-hour.js'
import { type Overview, type ProcessView, recentMinutes } from './overview.js'

export interface NumbersView {
  readonly states: ReadonlyMap<SessionState, number>
  /** Only for admins of all domains. */
  readonly whole: Overview | undefined
  readonly unanswered: readonly string[] | undefined
}

const resourceNames: Readonly<Record<Resource, readonly [name: string, limit: string]>> = {
  sessions: ['Sessions', 'MAX_SESSIONS'],
  connections: ['Connections', 'MAX_CONNECTIONS'],
  memory: ['Memory', 'MAX_MEMORY_MB'],
  heap: ['Heap', 'a share of the limit of Node.js'],
  descriptors: ['File descriptors', 'LimitNOFILE'],
  waiting: ['Waiting stanzas', 'a share of the memory'],
  unread: ['Unread replies', 'MAX_UNREAD_MB'],
}

const inBytes: ReadonlySet<Resource> = new Set(['memory', 'heap', 'waiting', 'unread'])

const high = 0.8

export function numbersPage({ states, whole, unanswered }: NumbersView) {
  const counts = sessionStates.map(name => ({ name, text: stateTexts[name], count: states.get(name) ?? 0 }))
  return { title: 'Numbers', states: counts, whole: whole && describeWhole(whole), unanswered }
}

/** Times are in milliseconds. Ages are in seconds. */
export function describeNumbers({ states, whole, unanswered }: NumbersView) {
  const sessions = Object.fromEntries(sessionStates.map(name => [name, states.get(name) ?? 0]))
  return { sessions, ...(whole && describeTotals(whole)), unanswered }
}

function describeTotals({ capacity, recent, hour, processes }: Overview) {
  const { warmed: done, refused, failed, gone: given_up } = recent
  const [p50, p99] = [timeWithin(recent, 0.5), timeWithin(recent, 0.99)]
  const logins = { minutes: recentMinutes, done, refused, failed, given_up, p50, p99 }
  const described = processes?.map(({ name, place, state, age, capacity }) => ({
    name,
    place,
    state,
    age: age === undefined ? undefined : Math.floor(age / 1000),
    capacity,
  }))
  return { logins, last_hour: hour, capacity, processes: described }
}

function describeWhole({ capacity, recent, hour, processes }: Overview) {
  const [p50, p99] = [0.5, 0.99].map(share => milliseconds(timeWithin(recent, share)))
  return {
    warms: { ...recent, p50, p99 },
    charts: [
      describeChart('sessions', 'Sessions', hour.sessions, whole, capacity.sessions.used),
      describeChart('logins', 'Logins a minute', hour.logins, whole),
      describeChart('failures', 'Failures a minute', hour.failures, whole),
      describeChart('p99', 'Login time of 99 % (p99)', hour.p99, milliseconds),
    ],
    capacity: resources.map(resource => describeUse(resource, capacity[resource])),
    processes: processes?.map(describeProcess),
  }
}

function describeChart(id: string, title: string, past: Series, write: (value: number) => string, current?: number) {
  const isNow = current !== undefined
  const series = isNow ? [...past, current] : past
  const known = series.filter(value => value !== null)
  const latest = series.at(-1) ?? undefined
  const [lowest, highest] = [Math.min(...known), Math.max(...known)]
  const ends = known.length === 0 ? undefined : { lowest: write(lowest), highest: write(highest) }
  const now = latest === undefined ? '–' : write(latest)
  const minutesAgo = series.length - 1 - series.lastIndexOf(highest)
  const at = formatTime(Date.now() - minutesAgo * minuteMilliseconds).slice(11, 16)
  const peak = ends && `${ends.highest}${highest > 0 ? `, at ${at} UTC` : ''}`
  const summary = ends && `${isNow ? 'Now' : 'Last minute'}: ${now}. Lowest: ${ends.lowest}. Highest: ${peak}.`
  return {
    id,
    title,
    isNow,
    now,
    ...ends,
    peak: peak && `highest ${peak}`,
    summary: `${title}, last hour. ${summary ?? 'No values yet.'}`,
    ...drawChart(series),
  }
}

function describeUse(resource: Resource, { used, most }: Use) {
  const [name, limit] = resourceNames[resource]
  const share = most === null ? undefined : Math.min(1, used / most)
  const write = inBytes.has(resource) ? mebibytes : whole
  return {
    id: resource,
    name,
    limit,
    setting: documents.size > 0 && /^[A-Z_]+$/.test(limit) ? limit : undefined,
    used: write(used),
    most: most === null ? undefined : write(most),
    percent: share === undefined ? undefined : Math.round(share * 100),
    isHigh: share !== undefined && share >= high,
  }
}

function describeProcess({ name, place, isOwn, state, age, capacity }: ProcessView) {
  return {
    name,
    isOwn,
    state,
    place: place ?? '–',
    age: age === undefined ? '–' : span(Math.floor(age / 1000)),
    uses: (['sessions', 'connections', 'memory', 'descriptors', 'waiting'] as const).map(resource => ({
      name: resourceNames[resource][0],
      text: capacity === undefined ? '–' : shortUse(resource, capacity),
    })),
  }
}

function shortUse(resource: Resource, capacity: Capacity): string {
  const { used, most, percent } = describeUse(resource, capacity[resource])
  return most === undefined || percent === 0 ? used : `${used} (${percent}\u00a0%)`
}

/** Writes thin spaces between thousands. */
const whole = (count: number): string => String(Math.round(count)).replaceAll(/\B(?=(\d{3})+$)/g, '\u2009')

/** Writes only two digits, because login times are estimates. */
function milliseconds(time: number | undefined): string {
  if (time === undefined) return '–'
  return time < 1000 ? `${Number(time.toPrecision(2))} ms` : `${Number((time / 1000).toPrecision(2))} s`
}

const mebibytes = (bytes: number) => `${whole(bytes / 2 ** 20)} MiB`

const width = 240
const height = 60
const edge = 2

/** `line` and `area` are SVG paths, empty without values. Unknown values are gaps. */
export function drawChart(series: Series) {
  const top = Math.max(...series.map(value => value ?? 0)) || 1
  const step = (width - 2 * edge) / Math.max(1, series.length - 1)
  const x = (at: number) => round(edge + at * step)
  const y = (value: number) => round(height - edge - (value / top) * (height - 2 * edge))
  const isGap = (at: number) => (series[at] ?? null) === null
  let line = ''
  let area = ''
  for (const [at, value] of series.entries()) {
    if (value === null) continue
    const [begins, ends] = [isGap(at - 1), isGap(at + 1)]
    const point = `${x(at)} ${y(value)}`
    line += begins ? `M${point}` : `L${point}`
    // A line of length 0 is a dot, because its ends are round.
    if (begins && ends) line += 'h0'
    area += begins ? `M${x(at)} ${height}L${point}` : `L${point}`
    if (ends) area += `L${x(at)} ${height}Z`
  }
  return { viewBox: `0 0 ${width} ${height}`, line, area }
}

const round = (number: number) => Math.round(number * 10) / 10
