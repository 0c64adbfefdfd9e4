type Attributes = Readonly<Record<string, string>>

/** Strophe writes attributes, not namespaces, so `xmlns` is an attribute. */
export function newElement(name: string, attributes: Attributes, ...children: readonly (Element | string)[]): Element {
  const made = new Document().createElement(name)
  for (const attribute in attributes) made.setAttribute(attribute, attributes[attribute]!)
  made.append(...children)
  return made
}

export const newStanza = (name: string, attributes: Attributes, ...children: readonly (Element | string)[]): Element =>
  newElement(name, { xmlns: 'jabber:client', ...attributes }, ...children)
