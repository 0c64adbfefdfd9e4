import type { Clock } from '../../lib/clock.js'
import { Problem, type ProblemCode, problems } from '../../lib/errors.js'
import { NoAnswer, type Nodes } from '../nodes.js'

const answerMilliseconds = 1_000

interface QuestionParts extends Pick<Nodes, 'open' | 'accept'> {
  readonly clock: Clock
  readonly report: (error: unknown) => void
  readonly onUnanswered?: ((reason: NoAnswer['reason']) => void) | undefined
}

export function questionsOver(parts: QuestionParts): Pick<Nodes, 'ask' | 'answer'> {
  const { open, accept, clock, report, onUnanswered } = parts
  return {
    ask(node, kind, question, milliseconds = answerMilliseconds) {
      return new Promise((resolve, reject) => {
        let isAnswered = false
        const fail = (reason: NoAnswer['reason']) => {
          if (isAnswered) return
          onUnanswered?.(reason)
          reject(new NoAnswer(node, reason))
        }
        const timer = clock.after(milliseconds, () => {
          exchange.cancel()
          fail('late')
        })
        const exchange = open(node, kind, question, '', {
          onMessage({ head }) {
            const answer = head as Answer
            isAnswered = true
            if ('problem' in answer) reject(problemOf(answer.problem))
            else resolve(answer.value)
          },
          onEnd(how) {
            timer.cancel()
            fail(how === 'gone' ? 'gone' : 'broken')
          },
        })
      })
    },

    answer(kind, answer) {
      accept(kind, ({ head }, exchange) => {
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

function problemOf({ code, ...about }: Extract<Answer, { problem: unknown }>['problem']): Problem {
  return new Problem(Object.hasOwn(problems, code) ? (code as ProblemCode) : 'internal-error', about)
}
