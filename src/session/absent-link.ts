import type { Link, LinkEvents } from '../xmpp/link.js'

/** A link without a connection, until another process's stream is resumed. */
export function absentLink(events: LinkEvents): Link {
  const nothing = () => {}
  return {
    facts: { encrypted: false, plainAllowed: false },
    backlog: 0,
    unfinishedBytes: 0,
    allowsManagement: false,
    isBetweenElements: false,
    events,
    send: nothing,
    restart: nothing,
    pause: nothing,
    resume: nothing,
    close: nothing,
    abandon: nothing,
    timeOut: nothing,
    cut: nothing,
  }
}
