import { askAll, type OtherProcesses } from '../../store/other-processes.js'
import { isProcessName } from '../../store/process-name.js'
import { allowsDomain, prepareDomain } from '../../xmpp/jid/domains.js'

export const auditActions = ['warm', 'connect', 'resume', 'logout', 'admin login', 'client login', 'account'] as const

export const isLogin = (action: string) => action === 'warm' || action === 'connect' || action === 'client login'

const mostLines = 500
const mostFailures = 200

const textFields = ['admin', 'address', 'code', 'step', 'condition', 'detail', 'id'] as const

/** Texts are shortened and contain no secrets. */
export interface AuditLine extends Readonly<Partial<Record<(typeof textFields)[number], string>>> {
  /** In milliseconds since 1970. */
  readonly time: number
  readonly number: number
  /** Empty with one process. */
  readonly node: string
  readonly action: string
  /** Bare JIDs. Lines about refused client logins, and about sessions ended together, can have more than one. */
  readonly jids: readonly string[]
  /** XMPP servers at which logins failed: host and port. */
  readonly servers: readonly string[]
  readonly count: number
  readonly ended?: number
}

/** The last lines of the audit trail, and of failed logins, which many other lines could displace. */
export class RecentAudit {
  readonly lines: AuditLine[] = []
  readonly failures: AuditLine[] = []
  #count = 0

  /** `line` is JSON of at most 4 KiB. */
  add(line: string): void {
    const added = toLine(this.#count++, JSON.parse(line))
    if (this.lines.push(added) > mostLines) this.lines.shift()
    const isFailed = isLogin(added.action) && added.code !== 'ok' && added.code !== 'client-gone'
    if (isFailed && this.failures.push(added) > mostFailures) this.failures.shift()
  }
}

type AuditPlace = Pick<AuditLine, 'time' | 'number' | 'node'>

/** `jid` is bare, or a domain. */
interface AuditWish extends Readonly<Partial<Record<'admin' | 'action' | 'jid' | 'id', string | undefined>>> {
  readonly scope: readonly string[]
  readonly viewer: string
  readonly ofFailures?: boolean
  readonly before?: AuditPlace | undefined
  readonly limit: number
}

/** Newest first. */
export interface AuditPart {
  readonly lines: readonly AuditLine[]
  readonly next: AuditPlace | undefined
  readonly unanswered: readonly string[] | undefined
}

export type ReadAudit = ReturnType<typeof createAuditReader>

export function createAuditReader(recent: RecentAudit, others?: OtherProcesses) {
  /** One line more than the limit shows that there is a next part. */
  const own = (wish: AuditWish): readonly AuditLine[] => {
    const lines = wish.ofFailures === true ? recent.failures : recent.lines
    const shown = lines.toReversed().flatMap(line => shownTo(wish, line) ?? [])
    const fitting = shown.filter(line => fits(line, wish))
    // The clock may have been set back.
    return fitting.sort(newestFirst).slice(0, wish.limit + 1)
  }
  others?.answer('audit', own)

  return async (wish: AuditWish): Promise<AuditPart> => {
    const { answers, unanswered } = await askAll<readonly AuditLine[]>(others, 'audit', wish)
    const merged = [...own(wish), ...answers.flatMap(([, lines]) => lines)].sort(newestFirst)
    const lines = merged.slice(0, wish.limit)
    return { lines, next: merged.length > lines.length ? lines.at(-1) : undefined, unanswered }
  }
}

/** Lines about the admin's domains, and the admin's own lines without a JID. */
function shownTo({ scope, viewer }: AuditWish, line: AuditLine): AuditLine | undefined {
  if (scope.includes('*')) return line
  if (line.jids.length === 0) return line.admin === viewer ? line : undefined
  const jids = line.jids.filter(jid => allowsDomain(scope, domainOf(jid)))
  if (jids.length === line.jids.length) return line
  // `line.count`, `line.servers` and `line.detail` may be about other domains.
  const { detail: _, ...shown } = line
  return jids.length === 0 ? undefined : { ...shown, jids, servers: [], count: Math.min(line.count, jids.length) }
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

function fits(line: AuditLine, wish: AuditWish): boolean {
  const { jid, before } = wish
  if (before !== undefined && newestFirst(before, line) >= 0) return false
  if ((['admin', 'action', 'id'] as const).some(name => line[name] !== (wish[name] ?? line[name]))) return false
  return jid === undefined || line.jids.some(each => each === jid || (!jid.includes('@') && domainOf(each) === jid))
}

function toLine(number: number, fields: Readonly<Record<string, unknown>>): AuditLine {
  const ownTexts = textFields.map(name => [name, fields[name]]).filter(([, value]) => typeof value === 'string')
  const { time, node, jid, jids, server, servers, msg, count, refused, ended } = fields
  const texts = (list: unknown, single: unknown) =>
    (Array.isArray(list) ? list : [single]).filter(each => typeof each === 'string')
  return {
    time: typeof time === 'number' ? time : Date.parse(String(time)) || 0,
    number,
    node: typeof node === 'string' && isProcessName(node) ? node : '',
    action: String(msg),
    ...Object.fromEntries(ownTexts),
    jids: texts(jids, jid),
    servers: texts(servers, server),
    count: [count, refused].find(each => typeof each === 'number') ?? 1,
    ...(typeof ended === 'number' && { ended }),
  }
}
