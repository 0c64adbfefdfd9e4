/**
 * Puts what comes over BOSH into the order of the requests, the first of which has the rid `next`: replies have connections
 * of their own, so that one may overtake another, and Strophe hands them out as they arrive. What it returns is called with
 * each reply and the rid of its request; it leaves in the reply what it is the turn of: nothing where an earlier one is
 * missing, or also what has waited for this one.
 */
export function orderReplies(next: number): (reply: Element, rid: number) => void {
  // No more replies than requests may be under way.
  const waiting = new Map<number, readonly Element[]>()
  return (reply, rid) => {
    waiting.set(rid, [...reply.children])
    reply.replaceChildren()
    for (; waiting.has(next); next++) {
      reply.append(...waiting.get(next)!)
      waiting.delete(next)
    }
  }
}
