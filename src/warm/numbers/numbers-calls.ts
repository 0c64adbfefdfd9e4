import { type Answer, jsonAnswer } from '../../http/answers/answer.js'
import type { Problem } from '../../lib/errors.js'
import type { Sessions } from '../../session/session-types.js'
import { type AdminPageContext, adminPageContext } from '../admin-page.js'
import type { Call } from '../calls.js'
import { livePage } from '../live-page.js'
import { readQuery } from '../read-parameters.js'
import type { AuditPart, AuditWish } from './audit-lines.js'
import { auditPage, auditParameters, auditWithMistake, describeAudit, usualLines } from './audit-page.js'
import type { Failures, FailureWish } from './failure-groups.js'
import { describeFailures, failuresPage } from './failures-page.js'
import type { Hour } from './last-hour.js'
import { describeNumbers, type NumbersView, numbersPage } from './numbers-page.js'
import type { Overview } from './overview.js'

interface NumbersCallsParts {
  readonly config: AdminPageContext['config']
  readonly sessions: Sessions
  readonly numbers: Numbers
}

export interface Numbers {
  readonly readOverview: () => Promise<Overview>
  readonly readHour: () => Promise<Hour>
  readonly readAudit: (wish: AuditWish) => Promise<AuditPart>
  readonly readFailures: (wish: FailureWish) => Promise<Failures>
}

export function createNumbersCalls({ config, sessions, numbers }: NumbersCallsParts) {
  const { readOverview, readHour, readAudit, readFailures } = numbers
  const contextOf = (call: Call) => adminPageContext(call, config)

  const readNumbers = async (scope: readonly string[]): Promise<NumbersView> => {
    const reading = scope.includes('*') ? Promise.all([readOverview(), readHour()]) : undefined
    const [{ states }, read] = await Promise.all([sessions.states(scope), reading])
    if (read === undefined) return { states, whole: undefined, unanswered: undefined }
    const [overview, hour] = read
    // The store has the sessions of these processes, but not their other numbers.
    const silent = overview.processes?.filter(({ state }) => state === 'silent').map(({ name }) => name) ?? []
    return { states, whole: { overview, hour }, unanswered: silent.length === 0 ? undefined : silent }
  }

  return {
    async numbers(call: Call): Promise<Answer> {
      const { request, representation, admin } = call
      readQuery(request.url, {})
      const read = await readNumbers(admin.domains)
      return representation === 'json'
        ? jsonAnswer(describeNumbers(read))
        : livePage(numbersPage(read, contextOf(call)))
    },

    async failures(call: Call): Promise<Answer> {
      const { request, representation, admin } = call
      readQuery(request.url, {})
      const read = await readFailures({ scope: admin.domains, viewer: admin.name })
      return representation === 'json'
        ? jsonAnswer(describeFailures(read))
        : livePage(failuresPage(read, contextOf(call)))
    },

    async audit(call: Call): Promise<Answer> {
      const { request, representation, admin } = call
      const isForPrograms = representation === 'json'
      const query = readQuery(request.url, auditParameters, { sentForm: !isForPrograms })
      const { limit = usualLines, ...filter } = query
      const read = await readAudit({ scope: admin.domains, viewer: admin.name, limit, ...filter })
      return isForPrograms ? jsonAnswer(describeAudit(read)) : livePage(auditPage(read, query, contextOf(call)))
    },

    auditWithMistake: (problem: Problem, call: Call): Answer | undefined =>
      call.representation === 'json' ? undefined : auditWithMistake(problem, contextOf(call)),
  }
}
