import { type Answer, jsonAnswer } from '../../http/answers/answer.js'
import type { Problem } from '../../lib/errors.js'
import type { Sessions } from '../../session/session-types.js'
import { type AdminPage, livePage, withProblem } from '../admin-page.js'
import type { Call } from '../calls.js'
import { readQuery } from '../read-parameters.js'
import { auditPage, auditParameters, auditWithMistake, describeAudit, usualLines } from './audit-page.js'
import { describeFailures, failuresPage } from './failure-groups.js'
import { describeNumbers, type NumbersView, numbersPage } from './numbers-page.js'
import type { Overview } from './overview.js'
import type { ReadAudit } from './recent-audit.js'

export interface Numbers {
  readonly readOverview: () => Promise<Overview>
  readonly readAudit: ReadAudit
}

export function createNumbersCalls(page: AdminPage, sessions: Sessions, { readOverview, readAudit }: Numbers) {
  const readNumbers = async (scope: readonly string[]): Promise<NumbersView> => {
    const reading = scope.includes('*') ? readOverview() : undefined
    const [states, whole] = await Promise.all([sessions.states(scope), reading])
    // The store has the sessions of these processes, but not their other numbers.
    const silent = whole?.processes?.filter(({ state }) => state === 'silent').map(({ name }) => name) ?? []
    return { states, whole, unanswered: silent.length === 0 ? undefined : silent }
  }

  return {
    async numbers(call: Call): Promise<Answer> {
      const { request, representation, admin } = call
      readQuery(request.url, {})
      const read = await readNumbers(admin.domains)
      if (representation === 'json') return jsonAnswer(describeNumbers(read))
      return livePage(page('numbers', 'numbers', call, numbersPage(read)))
    },

    async failures(call: Call): Promise<Answer> {
      const { request, representation, admin } = call
      readQuery(request.url, {})
      const wish = { scope: admin.domains, viewer: admin.name, ofFailures: true, limit: Number.MAX_SAFE_INTEGER }
      const read = await readAudit(wish)
      if (representation === 'json') return jsonAnswer(describeFailures(read))
      return livePage(page('failures', 'failures', call, failuresPage(read)))
    },

    async audit(call: Call): Promise<Answer> {
      const { request, representation, admin } = call
      const query = readQuery(request.url, auditParameters, { sentForm: representation !== 'json' })
      const { limit = usualLines, ...filter } = query
      const read = await readAudit({ scope: admin.domains, viewer: admin.name, limit, ...filter })
      if (representation === 'json') return jsonAnswer(describeAudit(read))
      return livePage(page('audit', 'audit', call, auditPage(read, query)))
    },

    auditWithMistake(problem: Problem, call: Call): Answer | undefined {
      const values = auditWithMistake(problem, call.request.url)
      return values && withProblem(page('audit', 'audit', call, values), problem, call.representation)
    },
  }
}
