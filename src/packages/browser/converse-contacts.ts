import type { PrivateConverse } from './converse-types.js'
import { probesOf } from './roster.js'

/** For a new session. */
export function forgetPresences({ presences }: PrivateConverse['state']): void {
  for (const presence of presences.models) {
    presence.resources.reset()
    presence.save({ presence: 'offline', show: '' })
  }
}

export function probeContacts(api: PrivateConverse['api'], { roster }: PrivateConverse['state']): void {
  const contacts = roster.models.map(contact => ({ jid: contact.id, subscription: contact.get('subscription') ?? '' }))
  for (const probe of probesOf(contacts)) api.send(probe)
}

/** It disappears when Converse clears the cache. */
export function keepControlBox(
  { ControlBox }: PrivateConverse['exports'],
  { chatboxes }: PrivateConverse['state'],
): void {
  if (ControlBox) chatboxes.on('reset', () => chatboxes.add(new ControlBox({ id: 'controlbox' })))
}
