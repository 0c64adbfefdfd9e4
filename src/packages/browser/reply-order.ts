import type { StropheConnection } from './strophe.js'

/**
 * Call the returned function with each reply. It moves the stanzas of a reply that arrives too early into a later reply.
 * `next`: rid of the first reply.
 */
export function orderReplies(connection: StropheConnection, next: number): (reply: Element) => void {
  const waiting = new Map<number, readonly Element[]>()
  let answered: number
  // Strophe calls this before it passes a reply on.
  connection.nextValidRid = rid => {
    answered = rid - 1
  }
  return reply => {
    // Strophe reads its condition, and ends the session.
    if (reply.getAttribute('type') === 'terminate') return
    waiting.set(answered, [...reply.children])
    reply.replaceChildren()
    for (; waiting.has(next); next++) {
      reply.append(...waiting.get(next)!)
      waiting.delete(next)
    }
  }
}
