import { type Answer, jsonAnswer } from '../../http/answers/answer.js'
import type { EventStreams } from '../../http/answers/event-streams.js'
import type { Sessions } from '../../session/session-types.js'
import { readQuery } from '../call-parameters.js'
import { type Call, hiddenFrom } from '../calls.js'
import { answerLive } from '../live-page.js'
import type { Hour } from './last-hour.js'
import { describeNumbers, type NumbersView, numbersPage } from './numbers-page.js'
import type { OperatorContext } from './operator-page.js'
import type { Overview } from './overview.js'

export interface WatchCallsParts {
  readonly config: OperatorContext['config']
  readonly sessions: Sessions
  readonly readOverview: () => Promise<Overview>
  readonly readHour: () => Promise<Hour>
  readonly streams: EventStreams
}

/** Calls that only read: what happens in all processes. */
export function createWatchCalls({ config, sessions, readOverview, readHour, streams }: WatchCallsParts) {
  const contextOf = ({ request, representation, admin }: Call): OperatorContext => ({
    request,
    representation,
    config,
    hidden: hiddenFrom(admin),
  })

  const readNumbers = async (scope: readonly string[]): Promise<NumbersView> => {
    const reading = scope.includes('*') ? Promise.all([readOverview(), readHour()]) : undefined
    const [{ states, unanswered }, read] = await Promise.all([sessions.states(scope), reading])
    return { states, whole: read && { overview: read[0], hour: read[1] }, unanswered }
  }

  return {
    async numbers(call: Call): Promise<Answer | undefined> {
      const { request, representation, admin } = call
      readQuery(request.url, {})
      if (representation === 'json') return jsonAnswer(describeNumbers(await readNumbers(admin.domains)))
      return answerLive(streams, call, async () => numbersPage(await readNumbers(admin.domains), contextOf(call)))
    },
  }
}
