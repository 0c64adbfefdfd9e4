import type { Admin } from '../../config/config.js'
import type { PageWish } from '../../store/store.js'
import { formatJid, type Jid, userOf } from '../../xmpp/jid/jid.js'
import { badParameter, type Values } from '../parameter-kinds.js'
import { type listParameters, orderOf, type orders, usualLimit } from '../parameters.js'

export function toListWish(
  query: Values<typeof listParameters>,
  { name, domains }: Admin,
  usual: { readonly limit: number; readonly sort: (typeof orders)[number] } = { limit: usualLimit, sort: 'opened' },
): PageWish {
  const { jid, search, domain, state, transport, origin, process, visit } = query
  const { limit = usual.limit, after, sort = usual.sort, page = 1 } = query
  const order = orderOf(sort)
  if (after !== undefined && query.page !== undefined) throw badParameter('page', 'Either page or after is allowed.')
  if (after !== undefined && order.by !== 'opened')
    throw badParameter('after', 'It is allowed only with sort opened or -opened. Use page.')
  return {
    scope: domains,
    ...(jid && ofJid(jid)),
    search: search?.toLowerCase(),
    domain,
    state,
    transport,
    origin,
    process,
    visit: visit === undefined ? undefined : { admin: name, visit },
    limit,
    after,
    skip: (page - 1) * limit,
    ...order,
  }
}

/** The sessions of a bare JID, or the session of a full JID. */
export function ofJid(jid: Jid): Pick<PageWish, 'user' | 'jid'> {
  const text = formatJid(jid)
  return { user: userOf(text), jid: text.includes('/') ? text : undefined }
}
