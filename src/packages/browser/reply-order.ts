/** The returned function moves the stanzas of a reply that arrives too early into a later reply. */
export function orderReplies(next: number): (reply: Element, rid: number) => void {
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
