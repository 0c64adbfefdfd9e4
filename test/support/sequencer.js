// The order of the test files: the slowest first, so that none of them runs alone at the end.
import Sequencer from '@jest/test-sequencer'

/** Files that take most of a minute, mostly waiting. Others with real servers and browsers take up to half a minute. */
const slow = [
  ...['debian-package', 'killed-processes', 'restarted-pages', 'converse-module', 'page-module'],
  ...['processes-faults', 'installing', 'admin-looks', 'page-messages', 'proxies', 'portal-example'],
  ...['websocket-attach', 'portal-recipes', 'passwordless', 'remote-endpoints', 'workers', 'process'],
  ...['slow-senders', 'oidc-example', 'redis-faults', 'package', 'audit-log', 'reload', 'demo-page'],
  'converse-features',
]

const nameOf = ({ path }) => path.replace(/^.*\/|\.test\.ts$/g, '')

const place = test => {
  const rank = slow.indexOf(nameOf(test))
  if (test.context.config.displayName.name === 'unit') return slow.length + 1
  return rank === -1 ? slow.length : rank
}

export default class SlowFirst extends Sequencer {
  /** Files of the same place stay as Jest sorts them, by how long each took last time or else by its size. */
  sort(tests) {
    return super.sort(tests).toSorted((one, other) => place(one) - place(other))
  }
}
