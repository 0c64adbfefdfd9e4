export interface Shape {
  readonly name: string
  readonly start: string
  readonly piece: string
  readonly end: string
}

export function fill({ start, piece, end }: Shape, bytes: number): string {
  const room = bytes - Buffer.byteLength(start + end)
  return start + piece.repeat(Math.max(1, Math.floor(room / Buffer.byteLength(piece)))) + end
}

const shape = (name: string, start: string, piece: string, end = ''): Shape => ({ name, start, piece, end })

const attributes = (count: number, prefix = '') =>
  Array.from({ length: count }, (_, index) => ` ${prefix}a${index}='v'`).join('')
const declarations = (count: number, namespace?: string) =>
  Array.from({ length: count }, (_, index) => ` xmlns:p${index}='${namespace ?? `urn:${index}`}'`).join('')
const bosh = 'http://jabber.org/protocol/httpbind'
const nested = (depth: number) => ['<n>'.repeat(depth), '</n>'.repeat(depth)] as const
const [down, up] = nested(120)
const longName = 'n'.repeat(250)

const chat =
  "<message to='juliet@example.com/balcony' type='chat' id='x1'><body>Wherefore art thou, Romeo?</body><active xmlns='http://jabber.org/protocol/chatstates'/></message>"

export const plainXml = shape('plain', '', chat)

const inside: readonly Shape[] = [
  shape('spaces in text', '', ' ', 'x'),
  shape('carriage returns in text', '', '\r', 'x'),
  shape('line ends in text', '', '\r\n', 'x'),
  shape('text', '', 'lorem ipsum '),
  shape('text beyond ASCII', '', 'é'),
  shape('text beyond the first plane', '', '😀'),
  shape('named references', '', '&amp;'),
  shape('numbered references', '', '&#x41;'),
  shape('carriage returns as references', '', '&#13;'),
  shape('a reference without an end', '&', 'a'),
  shape('brackets', '', ']', 'x'),
  shape('brackets, and the end of CDATA', '', ']', '>'),
  shape('a section of CDATA', '<![CDATA[', 'x', ']]>'),
  shape('a section of brackets', '<![CDATA[', ']', ']]>'),
  shape('carriage returns in CDATA', '<![CDATA[', '\r', ']]>'),
  shape('empty sections of CDATA', '', '<![CDATA[]]>'),
  shape('CDATA without an end', '<![CDATA[', 'x'),
  shape('beginnings of CDATA', '', '<![CDATA['),
  shape('spaces in a start tag', '<b', ' ', '/>'),
  shape('line ends in a start tag', '<b', '\r\n', '/>'),
  shape('spaces behind an attribute', "<b c='d'", ' ', '/>'),
  shape('spaces before a value', '<b c=', ' ', "'d'/>"),
  shape('spaces behind a name', '<b c', ' ', "='d'/>"),
  shape('spaces in an end tag', '<b></b', ' ', '>'),
  shape('end tags with spaces', '', '<b></b  >'),
  shape('a long value', "<b c='", 'v', "'/>"),
  shape('a value of spaces', "<b c='", ' ', "'/>"),
  shape('a value of line ends', "<b c='", '\r\n', "'/>"),
  shape('a value of references', "<b c='", '&lt;', "'/>"),
  shape('a value without an end', "<b c='", 'v'),
  shape('attributes without an end', '<b', " c='d'"),
  shape('attributes', '', `<b${attributes(64)}/>`),
  shape('attributes with a prefix', `<c xmlns:q='urn:q'>`, `<b${attributes(63, 'q:')}/>`, '</c>'),
  shape('too many attributes', '<b', ' c', "='d'/>"),
  shape('declarations', '', `<b${declarations(60)}/>`),
  shape('the last of many prefixes', `<c${declarations(60)}>`, '<p59:b/>', '</c>'),
  shape('prefixes from far outside', `<c xmlns:q='urn:q'>${down}`, '<q:b/>', `${up}</c>`),
  shape('attributes from far outside', `<c xmlns:q='urn:q'>${down}`, "<b q:c=''/>", `${up}</c>`),
  shape('elements far inside', down, '<b/>', up),
  shape('nests', '', down + up),
  shape('depth', '', '<n>'),
  shape('small elements', '', '<b/>'),
  shape('small elements with an end tag', '', '<b></b>'),
  shape('long names', '', `<${longName}/>`),
  shape('names beyond ASCII', '', '<é/>'),
  shape('a name without an end', '<', 'n'),
  shape('end tags of nothing', '', '</b>'),
  shape('another end tag', '<b>', 'x', '</c>'),
  shape('less than', '', '<'),
  shape('greater than', '', '>'),
  shape('quotes', '', `'"`),
  shape('NUL', '', '\0'),
  shape('a comment', '<!--', ' -', '-->'),
  shape('comments', '', '<!---->'),
  shape('an instruction', '<?x ', '?', '?>'),
  shape('a document type', '<!DOCTYPE x [', '<!ENTITY a "a">', ']>'),
  shape('prefixes that nothing declares', '', '<q:b/>'),
  shape('a long namespace in use', `<c xmlns:q='${'u'.repeat(30_000)}'>`, '<q:b/>', '</c>'),
  shape('names with two colons', '', '<a:b:c/>'),
  shape('attributes without names', '<b', " ::=''", '/>'),
  shape('mapped attributes', '', "<m xmlns='urn:p' p:k='1'/>"),
]

const inElement = (inner: Shape): Shape => ({ ...inner, start: `<a>${inner.start}`, end: `${inner.end}</a>` })

const children: readonly Shape[] = [
  ...inside.map(inElement),
  shape('elements', '', '<b/>'),
  shape('elements with other names', '<é/>', '<b/>'),
  shape('stanzas of one kind', '', "<iq id='1'/>"),
  shape('spaces between', '<a/>', ' ', '<a/>'),
  shape('line ends between', '<a/>', '\r\n', '<a/>'),
  shape('text between', '<a/>', 'x', '<a/>'),
  shape('references between', '<a/>', '&#32;', '<a/>'),
  shape('declarations of the namespace of a body', '', `<message${declarations(60, bosh)} xmlns='${bosh}'/>`),
]

export function documents(start: string, end: string): readonly Shape[] {
  const around = (child: Shape) => ({ ...child, start: start + child.start, end: child.end + end })
  const inTag = start.slice(0, -1)
  return [
    ...children.map(around),
    shape('spaces in front', '', ' ', start + end),
    shape('spaces behind', start + end, ' '),
    shape('line ends behind', start + end, '\r\n'),
    shape('spaces in the declaration', "<?xml version='1.0'", ' ', `?>${start}${end}`),
    shape('a declaration without an end', "<?xml version='1.0", '0'),
    shape('spaces in the root', inTag, ' ', `>${end}`),
    shape('attributes of the root', inTag, " a=''", `>${end}`),
    shape('a long value in the root', `${inTag} a='`, 'v', `'>${end}`),
    shape('references in the root', `${inTag} a='`, '&#65;', `'>${end}`),
    shape('declarations of the root', inTag, " xmlns:p='urn:p'", `>${end}`),
    shape('a long namespace of the root in use', `${inTag} xmlns:p='${'u'.repeat(30_000)}'>`, '<p:a/>', end),
    shape('a namespace of references in use', `${inTag} xmlns:p='${'&lt;'.repeat(8_000)}'>`, '<p:a/>', end),
    shape('a namespace of the root in use', `${inTag} xmlns:p='${'u'.repeat(400)}'>`, '<p:a/>', end),
    shape('spaces in the end of the root', start + end.slice(0, -1), ' ', '>'),
    shape('nothing but spaces', '', ' '),
    shape('nothing but text', '', 'x'),
  ]
}

export const plainJson = shape('plain', '{"jid":"a@b","password":"secret"', ',"given-name":"Juliet"', '}')

export const json: readonly Shape[] = [
  shape('escapes', '{"password":"', '\\u0041', '"}'),
  shape('backslashes', '{"password":"', '\\\\', '"}'),
  shape('quotes', '{"password":"', '\\"', '"}'),
  shape('a string without an end', '{"password":"', '\\"'),
  shape('spaces', '{', ' ', '"jid":"a@b"}'),
  shape('spaces behind a name', '{"jid"', ' ', ':"a@b"}'),
  shape('arrays', '{"a":', '[', '}'),
  shape('a deep array', '{"a":', '[', ''),
  shape('members', '{"jid":"a@b"', ',"a":1', '}'),
  shape('strings', '{"a":["b"', ',"b"', ']}'),
  shape('strings and colons', '{"a":["b"', ',"b":', ']}'),
  shape('a number', '{"wait":', '1', '}'),
  shape('digits', '{"wait":"', '1', '"}'),
  shape('a language', '{"language":"en', '-aaaaa', '"}'),
]

export const plainForm = shape('plain', 'jid=a%40b&password=secret', '&given-name=Juliet')

export const forms: readonly Shape[] = [
  shape('escapes', 'password=', '%41'),
  shape('broken escapes', 'password=', '%zz'),
  shape('bytes of no character', 'password=', '%ff'),
  shape('pluses', 'password=', '+'),
  shape('pairs', 'jid=a@b', '&a=1'),
  shape('ampersands', 'jid=a@b', '&'),
  shape('equals', 'password', '='),
  shape('a long name', '', 'a', '=1'),
  shape('digits', 'wait=', '1'),
  shape('a language', 'language=en', '-aaaaa'),
  shape('a local part', 'jid=', 'a', '@example.com'),
  shape('a domain', 'jid=a@', 'a.', 'com'),
  shape('a resource', 'jid=a@example.com/', '%C3%A9'),
  shape('a local part of joiners', 'jid=', '%E2%80%8D', '@example.com'),
]

export const plainHeaders = {
  accept: shape('plain', '', 'text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8,'),
  'content-type': shape('plain', '', 'text/xml; charset=utf-8;'),
  cookie: shape('plain', '', 'session=2f1c9e; theme=dark; '),
  'x-forwarded-for': shape('plain', '', '127.0.0.1, '),
}

export const headers: readonly Shape[] = [
  ...[',', ';', ' ', '\t', '=', ':', '.', '1', '"', '[', '%', 'a', '/', '*'].map(one => shape(`${one} alone`, '', one)),
  shape('spaces, and something', '', ' ', 'x'),
  shape('types', '', 'text/html;q=0.5,'),
  shape('parameters', 'text/html', ';q=0.5'),
  shape('addresses', '', '127.0.0.1, '),
  shape('addresses that are none', '', 'unknown,'),
  shape('colons and digits', '', ':1'),
  shape('brackets', '[', ']:'),
  shape('cookies', '', 'a=b; '),
  shape('cookies of our name', '', 'wb-0=; '),
  shape('cookies of our name without an end', '', 'wb-0='),
  shape('charsets', 'text/xml', '; charset='),
]

const xrd = "<XRD xmlns='http://docs.oasis-open.org/ns/xri/xrd-1.0'>"
export const plainXrd = shape('plain', xrd, "<Link rel='urn:a' href='https://example.com/'/>", '</XRD>')

export const xrds: readonly Shape[] = [
  ...documents(plainXrd.start, plainXrd.end),
  shape('beginnings of comments', plainXrd.start, '<!--', plainXrd.end),
  shape('beginnings of comments alone', '', '<!--'),
  shape('comments in full', plainXrd.start, '<!-- a -->', plainXrd.end),
  shape('a comment of dashes', `${plainXrd.start}<!--`, '- ', `-->${plainXrd.end}`),
  shape('ends of comments', plainXrd.start, '-->', plainXrd.end),
]
