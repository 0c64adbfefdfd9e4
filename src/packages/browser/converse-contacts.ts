import type { PrivateConverse } from './converse-types.js'
import { newStanza } from './written-xml.js'

const mostProbes = 1000

/** For a new session. */
export function forgetPresences({ presences }: PrivateConverse['state']): void {
  for (const presence of presences.models) {
    presence.resources.reset()
    presence.save({ presence: 'offline', show: '' })
  }
}

/** A resumed session must ask, because servers send the presence of a contact only once. */
export function probeContacts(api: PrivateConverse['api'], { roster }: PrivateConverse['state']): void {
  const seen = roster.models.filter(contact => /to|both/.test(contact.get('subscription')!))
  for (const { id } of seen.slice(0, mostProbes)) api.send(newStanza('presence', { type: 'probe', to: id }))
}
