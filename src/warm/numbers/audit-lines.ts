import type { RecentLines } from '../../lib/recent-lines.js'
import { askAll, type OtherProcesses } from '../../store/other-processes.js'
import { isProcessName } from '../../store/process-name.js'
import { allowsDomain, prepareDomain } from '../../xmpp/jid/domains.js'

export const auditActions = ['warm', 'connect', 'resume', 'logout', 'admin login', 'client login'] as const

/** Texts are shortened and contain no secrets. */
export interface AuditLine {
  /** In milliseconds since 1970. */
  readonly time: number
  readonly number: number
  /** Empty with one process. */
  readonly node: string
  readonly action: string
  readonly admin?: string
  readonly address?: string
  readonly code?: string
  readonly step?: string
  readonly condition?: string
  readonly detail?: string
  /** Bare JIDs. Lines about refused client logins, and about sessions ended together, can have more than one. */
  readonly jids: readonly string[]
  /** XMPP servers at which logins failed: host and port. */
  readonly servers: readonly string[]
  readonly id?: string
  readonly count: number
  readonly ended?: number
}

type AuditPlace = Pick<AuditLine, 'time' | 'number' | 'node'>

export interface AuditWish {
  readonly scope: readonly string[]
  readonly viewer: string
  readonly admin?: string | undefined
  readonly action?: string | undefined
  /** A bare JID, or a domain. */
  readonly jid?: string | undefined
  readonly id?: string | undefined
  readonly before?: AuditPlace | undefined
  readonly limit: number
}

export interface AuditPart {
  readonly lines: readonly AuditLine[]
  readonly next: AuditPlace | undefined
  readonly unanswered: readonly string[] | undefined
}

export interface LineReaderParts {
  readonly others?: OtherProcesses | undefined
  readonly lines: RecentLines
}

interface OwnPage {
  readonly lines: readonly AuditLine[]
  readonly more: boolean
}

export function createAuditReader({ others, lines }: LineReaderParts) {
  const own = (wish: AuditWish): OwnPage => {
    const found: AuditLine[] = []
    for (const line of linesFor(lines, wish)) {
      if (!fits(line, wish)) continue
      if (found.length === wish.limit) return { lines: found, more: true }
      found.push(line)
    }
    return { lines: found, more: false }
  }
  others?.answer('audit', own)

  return async (wish: AuditWish): Promise<AuditPart> => {
    const { answers, unanswered } = await askAll<OwnPage>(others, 'audit', wish)
    const parts = [own(wish), ...answers.map(([, part]) => part)]
    const merged = parts.flatMap(({ lines }) => lines).sort(newestFirst)
    const page = merged.slice(0, wish.limit)
    const isMore = merged.length > page.length || parts.some(({ more }) => more)
    return { lines: page, next: isMore ? page.at(-1) : undefined, unanswered }
  }
}

/** Lines about the admin's domains, and the admin's own lines without a JID. */
export function* linesFor(
  lines: RecentLines,
  { scope, viewer }: Pick<AuditWish, 'scope' | 'viewer'>,
): Iterable<AuditLine> {
  const seesAll = scope.includes('*')
  for (const [number, text] of lines.newestFirst()) {
    const line = toLine(number, JSON.parse(text))
    if (seesAll) yield line
    else if (line.jids.length === 0) {
      if (line.admin === viewer) yield line
    } else {
      const jids = line.jids.filter(jid => allowsDomain(scope, domainOf(jid)))
      if (jids.length === line.jids.length) yield line
      else if (jids.length > 0) {
        // `line.count`, `line.servers` and `line.detail` may be about other domains.
        const { detail: _, ...shown } = line
        yield { ...shown, jids, servers: [], count: Math.min(line.count, jids.length) }
      }
    }
  }
}

export const domainOf = (jid: string): string => {
  const domain = jid.slice(jid.lastIndexOf('@') + 1)
  return prepareDomain(domain) ?? domain
}

const placePattern = /^(\d{1,16})-(\d{1,15})(?:-([a-z0-9]{8}))?$/

export const formatAuditPlace = ({ time, number, node }: AuditPlace) =>
  [time, number, ...(node === '' ? [] : [node])].join('-')

export function readAuditPlace(text: string): AuditPlace | undefined {
  const [, time, number, node = ''] = placePattern.exec(text) ?? []
  return time === undefined ? undefined : { time: Number(time), number: Number(number), node }
}

function newestFirst(a: AuditPlace, b: AuditPlace): number {
  return b.time - a.time || (a.node < b.node ? -1 : a.node > b.node ? 1 : b.number - a.number)
}

function fits(line: AuditLine, { admin, action, jid, id, before }: AuditWish): boolean {
  if (before !== undefined && newestFirst(before, line) >= 0) return false
  if (admin !== undefined && line.admin !== admin) return false
  if (action !== undefined && line.action !== action) return false
  if (id !== undefined && line.id !== id) return false
  return jid === undefined || line.jids.some(each => each === jid || (!jid.includes('@') && domainOf(each) === jid))
}

function toLine(number: number, fields: Readonly<Record<string, unknown>>): AuditLine {
  const text = (name: string) => {
    const value = fields[name]
    return typeof value === 'string' ? { [name]: value } : {}
  }
  const { time, node, jid, jids, server, servers, msg, count, refused, ended } = fields
  const texts = (list: unknown, single: unknown) =>
    (Array.isArray(list) ? list : [single]).filter(each => typeof each === 'string')
  return {
    time: typeof time === 'number' ? time : Date.parse(String(time)) || 0,
    number,
    node: typeof node === 'string' && isProcessName(node) ? node : '',
    action: String(msg),
    ...Object.assign({}, ...['admin', 'address', 'code', 'step', 'condition', 'detail', 'id'].map(text)),
    jids: texts(jids, jid),
    servers: texts(servers, server),
    count: [count, refused].find(each => typeof each === 'number') ?? 1,
    ...(typeof ended === 'number' && { ended }),
  }
}
