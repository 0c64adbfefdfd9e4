import { askAll } from '../../store/other-processes.js'
import { prepareDomain } from '../../xmpp/jid/domains.js'
import { type AuditLine, type AuditWish, domainOf, type LineReaderParts, linesFor } from './audit-lines.js'

const mostExamples = 5

export interface FailureGroup {
  readonly code: string
  readonly step: string | undefined
  readonly count: number
  /** In milliseconds since 1970. */
  readonly last: number
  readonly jids: readonly string[]
  readonly domains: readonly string[]
  readonly servers: readonly string[]
  readonly conditions: readonly string[]
  /** `warm`, `connect` or `client login`. */
  readonly actions: readonly string[]
  /** The newest. */
  readonly detail?: string | undefined
}

export type FailureWish = Pick<AuditWish, 'scope' | 'viewer'>

export interface Failures {
  /** Newest first. */
  readonly groups: readonly FailureGroup[]
  readonly unanswered: readonly string[] | undefined
}

export const isLogin = (action: string) => action === 'warm' || action === 'connect' || action === 'client login'

export const stepOf = ({ action, step }: Pick<AuditLine, 'action'> & { readonly step?: string | undefined }) =>
  action === 'client login' ? 'sasl' : step

export const failureKey = ({ code, step }: Pick<FailureGroup, 'code' | 'step'>) => `${code}-${step ?? 'any'}`

export function createFailureReader({ others, lines }: LineReaderParts) {
  const own = (wish: FailureWish) =>
    merged(
      Array.from(
        linesFor(lines, wish),
        ({ code = 'unknown', step, count, time, jids, servers, condition, action, detail }) => ({
          code,
          step: stepOf({ action, step }),
          count,
          last: time,
          jids,
          domains: jids.map(domainOf).filter(domain => prepareDomain(domain) !== undefined),
          servers,
          conditions: condition === undefined ? [] : [condition],
          actions: [action],
          detail,
        }),
      ),
    )
  others?.answer('failures', own)

  return async (wish: FailureWish): Promise<Failures> => {
    const { answers, unanswered } = await askAll<readonly FailureGroup[]>(others, 'failures', wish)
    return { groups: merged([...own(wish), ...answers.flatMap(([, groups]) => groups)]), unanswered }
  }
}

function merged(groups: readonly FailureGroup[]): readonly FailureGroup[] {
  const all = new Map<string, FailureGroup>()
  for (const group of [...groups].sort((a, b) => b.last - a.last)) {
    const key = failureKey(group)
    all.set(key, both(all.get(key) ?? { ...group, count: 0 }, group))
  }
  return [...all.values()]
}

function both(newer: FailureGroup, older: FailureGroup): FailureGroup {
  const union = (name: 'jids' | 'domains' | 'servers' | 'conditions' | 'actions') =>
    [...new Set([...newer[name], ...older[name]])].slice(0, mostExamples)
  return {
    ...newer,
    count: newer.count + older.count,
    jids: union('jids'),
    domains: union('domains'),
    servers: union('servers'),
    conditions: union('conditions'),
    actions: union('actions'),
    detail: newer.detail ?? older.detail,
  }
}
