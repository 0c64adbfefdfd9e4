import { type Answer, jsonAnswer } from '../../http/answers/answer.js'
import type { EventStreams } from '../../http/answers/event-streams.js'
import type { Problem } from '../../lib/errors.js'
import type { Sessions } from '../../session/session-types.js'
import { type AdminPage, answerLive, withProblem } from '../admin-page.js'
import type { Call } from '../calls.js'
import { readQuery } from '../read-parameters.js'
import type { ReadAudit } from './audit-lines.js'
import { auditPage, auditParameters, auditWithMistake, describeAudit, usualLines } from './audit-page.js'
import { describeFailures, failuresPage } from './failure-groups.js'
import { describeNumbers, type NumbersView, numbersPage } from './numbers-page.js'
import type { Overview } from './overview.js'

interface NumbersCallsParts {
  readonly page: AdminPage
  readonly sessions: Sessions
  readonly numbers: Numbers
  readonly streams: EventStreams
}

export interface Numbers {
  readonly readOverview: () => Overview | Promise<Overview>
  readonly readAudit: ReadAudit
}

export function createNumbersCalls({ page, sessions, numbers, streams }: NumbersCallsParts) {
  const { readOverview, readAudit } = numbers

  const readNumbers = async (scope: readonly string[]): Promise<NumbersView> => {
    const reading = scope.includes('*') ? readOverview() : undefined
    const [{ states }, whole] = await Promise.all([sessions.states(scope), reading])
    // The store has the sessions of these processes, but not their other numbers.
    const silent = whole?.processes?.filter(({ state }) => state === 'silent').map(({ name }) => name) ?? []
    return { states, whole, unanswered: silent.length === 0 ? undefined : silent }
  }

  const answer = async <T>(
    call: Call,
    name: 'numbers' | 'failures' | 'audit',
    read: () => Promise<T>,
    [describe, valuesOf]: readonly [json: (read: T) => object, page: (read: T) => object],
  ): Promise<Answer | undefined> => {
    if (call.representation === 'json') return jsonAnswer(describe(await read()))
    return answerLive(streams, call, async () => page(name, name, call, valuesOf(await read())))
  }

  return {
    numbers(call: Call) {
      readQuery(call.request.url, {})
      return answer(call, 'numbers', () => readNumbers(call.admin.domains), [describeNumbers, numbersPage])
    },

    failures(call: Call) {
      const { request, admin } = call
      readQuery(request.url, {})
      const wish = { scope: admin.domains, viewer: admin.name, ofFailures: true, limit: Number.MAX_SAFE_INTEGER }
      return answer(call, 'failures', () => readAudit(wish), [describeFailures, failuresPage])
    },

    audit(call: Call) {
      const { request, representation, admin } = call
      const query = readQuery(request.url, auditParameters, { sentForm: representation !== 'json' })
      const { limit = usualLines, ...filter } = query
      const wish = { scope: admin.domains, viewer: admin.name, limit, ...filter }
      return answer(call, 'audit', () => readAudit(wish), [describeAudit, part => auditPage(part, query)])
    },

    auditWithMistake(problem: Problem, call: Call): Answer | undefined {
      const { request, representation } = call
      const values = representation === 'json' ? undefined : auditWithMistake(problem, request.url)
      return values && withProblem(page('audit', 'audit', call, values), problem, representation)
    },
  }
}
