// How much of the matrix of servers, browsers, transports and clients runs, by WARM_TEST_MATRIX:
//   not set  the combinations of `npm test`: each server, browser and client, and few of their pairs
//   full     all combinations: `npm run test:all`
//   rest     the combinations that `npm test` leaves out: `npm run test:all -- --rest`, which CI runs after `npm test`
// With `rest`, only the test files run that `test/support/matrix-files.js` selects (`filesOfRest`).
import { test } from '@jest/globals'

const matrix = process.env['WARM_TEST_MATRIX'] || 'usual'

/** Whether the tests of `npm test` run. */
export const runsUsual = matrix !== 'rest'

/** Whether the tests run that `npm test` leaves out. */
export const runsRest = matrix !== 'usual'

/** The combinations to run: those of `npm test`, the others, or all. */
export const combinations = <T>(all: readonly T[], isUsual: (combination: T) => boolean): T[] =>
  all.filter(combination => (isUsual(combination) ? runsUsual : runsRest))

/** All with `full` or `rest`, else the few: `npm test` runs these few in another browser (`eitherChromium`). */
export const fewOrAll = <T>(all: readonly T[], isFew: (kind: T) => boolean): T[] =>
  all.filter(kind => runsRest || isFew(kind))

/** `test` for what `npm test` leaves out. */
export const testRest: typeof test = runsRest ? test : none()

/** How many random cases: `few` in `npm test`, `all` in `npm run test:all`. */
export const casesOf = (few: number, all: number): number => (runsRest ? all : few)

/** Takes tests and has none of them. */
function none<T>(): T {
  const each = () => () => {}
  return Object.assign(() => {}, { each }) as T
}
