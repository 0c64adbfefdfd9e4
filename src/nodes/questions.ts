import { Problem, type ProblemCode, problems } from '../errors.js'
import type { Clock } from '../lib/clock.js'
import { type ExchangeEnd, NoAnswer, type Nodes } from './nodes.js'

/** How long an answer may take unless the question says otherwise, in milliseconds. */
const answerMilliseconds = 1_000

interface QuestionParts extends Pick<Nodes, 'open' | 'meet'> {
  readonly clock: Clock
  /** Hears of what failed without being foreseen. */
  readonly report: (error: unknown) => void
}

/** Questions and answers, each an exchange of its own. */
export function questionsOver({ open, meet, clock, report }: QuestionParts): Pick<Nodes, 'ask' | 'answer'> {
  return {
    ask(node, kind, question, milliseconds = answerMilliseconds) {
      return new Promise((resolve, reject) => {
        const timer = clock.after(milliseconds, () => {
          exchange.cancel()
          reject(new NoAnswer(node, 'late'))
        })
        const exchange = open(node, kind, question, '', {
          onMessage({ head }) {
            const answer = head as Answer
            if ('problem' in answer) reject(problemOf(answer.problem))
            else resolve(answer.value)
          },
          onEnd(how: ExchangeEnd) {
            timer.cancel()
            // Where there was an answer, this comes too late to matter.
            reject(new NoAnswer(node, how === 'gone' ? 'gone' : 'broken'))
          },
        })
      })
    },

    answer(kind, answer) {
      meet(kind, ({ head }, exchange) => {
        const tell = async () => {
          try {
            exchange.end({ value: await answer(head as never, exchange.node) } satisfies Answer)
          } catch (error) {
            if (error instanceof Problem) exchange.end({ problem: { ...error } } satisfies Answer)
            else {
              report(error)
              exchange.cancel()
            }
          }
        }
        void tell()
        return { onMessage() {}, onEnd() {} }
      })
    },
  }
}

type Answer =
  | { readonly value: unknown }
  | { readonly problem: { readonly code: string } & ConstructorParameters<typeof Problem>[1] }

/** The problem that another process has answered with; its cause stays there. */
function problemOf({ code, ...about }: Extract<Answer, { problem: unknown }>['problem']): Problem {
  return new Problem(Object.hasOwn(problems, code) ? (code as ProblemCode) : 'internal-error', about)
}
