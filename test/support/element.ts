import type { Element } from '../../src/xmpp/xml/element.js'

/** The element of this text. Without an `xmlns`, its namespace is `jabber:client`. */
export function element(text: string): Element {
  const [, name = '', namespace = 'jabber:client'] = /^<([^\s/>]+)(?:[^>]*? xmlns='([^']*)')?/.exec(text) ?? []
  return { name, namespace, text }
}
