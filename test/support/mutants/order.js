// Jest's sequencer for `npm run mutants`: test files run in the order of the command line.
import Sequencer from '@jest/test-sequencer'

const place = ({ path }) => process.argv.indexOf(path)

export default class AsGiven extends Sequencer {
  sort(tests) {
    return [...tests].sort((one, other) => place(one) - place(other))
  }
}
