/** RFC 6121 §2. */
export interface Contact {
  readonly jid: string
  readonly name: string | undefined
  /** `both`, `to`, `from` or `none`. */
  readonly subscription: string
}

export function readContact(item: Element): Contact {
  const text = (name: string) => item.getAttribute(name) ?? undefined
  return { jid: text('jid') ?? '', name: text('name'), subscription: text('subscription') ?? 'none' }
}
