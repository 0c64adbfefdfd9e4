/** The steps that a call of a method takes, from its arguments and result. */
type Cost = (self: { readonly length: number }, args: readonly unknown[], result: unknown) => number

const all: Cost = ({ length }) => length
/** The steps of a search: the distance to the result, or to the end. */
const passed: Cost = ({ length }, [, from], result) => {
  const start = typeof from === 'number' ? Math.max(0, from) : 0
  return (typeof result === 'number' && result >= 0 ? Math.abs(result - start) : Math.max(0, length - start)) + 1
}
const passedBackwards: Cost = ({ length }, [, from], result) => {
  const start = typeof from === 'number' ? Math.min(length, from) : length
  return start - (typeof result === 'number' ? Math.max(0, result) : 0) + 1
}
const wanted: Cost = (_self, [what]) => String(what).length

const methods = (cost: Cost, ...names: readonly string[]) => Object.fromEntries(names.map(name => [name, cost]))

const costs: readonly (readonly [prototype: object, methods: Readonly<Record<string, Cost>>])[] = [
  [
    String.prototype,
    {
      // A slice refers to its text, without a copy.
      ...methods(() => 1, 'charCodeAt', 'codePointAt', 'at', 'slice'),
      ...methods(wanted, 'startsWith', 'endsWith'),
      ...methods(all, 'includes', 'split', 'trim', 'toLowerCase', 'normalize'),
      indexOf: passed,
      lastIndexOf: passedBackwards,
    },
  ],
  [Array.prototype, methods(all, 'includes', 'indexOf', 'find', 'findIndex', 'some', 'filter', 'shift', 'splice')],
  [
    RegExp.prototype,
    {
      exec(_self, [text], result) {
        const found = result as RegExpExecArray | null
        return found === null ? String(text).length : found[0].length + 1
      },
    },
  ],
]

/**
 * Counts the steps of `work` by the methods that it calls, so that each run on any machine has the same result.
 * Backtracking in regular expressions is not counted: another test checks regular expressions.
 */
export function countSteps(work: () => void): number {
  let steps = 0
  const originals: (() => void)[] = []
  for (const [prototype, methods] of costs) {
    for (const [name, cost] of Object.entries(methods)) {
      const owner = prototype as Record<string, (...args: unknown[]) => unknown>
      const original = owner[name]!
      owner[name] = function (this: { readonly length: number }, ...args: unknown[]) {
        const result = original.apply(this, args)
        steps += cost(this, args, result)
        return result
      }
      originals.push(() => {
        owner[name] = original
      })
    }
  }
  try {
    work()
  } finally {
    for (const restore of originals) restore()
  }
  return steps
}
