const markup = /[&<>"'\n\r\t]/
const allMarkup = new RegExp(markup, 'g')
const entities: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
  '\n': '&#10;',
  '\r': '&#13;',
  '\t': '&#9;',
}

/** Escapes a value for element content and for attributes in either kind of quotes. */
export function escapeXml(value: string): string {
  return markup.test(value) ? value.replace(allMarkup, character => entities[character]!) : value
}

/** Removes what no XML 1.0 document may contain, lone surrogates included (XML 1.0 §2.2). */
export function removeForbidden(value: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  return value.toWellFormed().replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, '')
}
