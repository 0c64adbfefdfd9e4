// The order of the test files: those with real servers and browsers come first, so that no long one runs alone at the end.
import Sequencer from '@jest/test-sequencer'

export default class PeersFirst extends Sequencer {
  /** All others stay as Jest sorts them, by how long each took last time or else by its size: those that wait beside those that count. */
  sort(tests) {
    const place = ({ context }) => (context.config.displayName.name === 'peers' ? 0 : 1)
    return super.sort(tests).toSorted((one, other) => place(one) - place(other))
  }
}
