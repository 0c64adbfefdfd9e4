/**
 * Reorders BOSH replies, which may overtake each other, by rid from `next`. The result is called with each
 * reply and its rid. It leaves in the reply all elements whose turn it is.
 */
export function orderReplies(next: number): (reply: Element, rid: number) => void {
  // As many as requests at a time.
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
