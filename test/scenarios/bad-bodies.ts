export const httpbind = 'http://jabber.org/protocol/httpbind'

export const body = (attributes: string, inner = '') => `<body ${attributes} xmlns='${httpbind}'>${inner}</body>`
/** A request for a session. */
export const creation = (inner: string) => body("rid='5' to='plain.example' wait='1' hold='1'", inner)
const entities =
  '<!DOCTYPE body [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;">]>'

/** Requests that are refused: what they are, with which condition, and their text. */
export const refused: [what: string, condition: string, body: string | Buffer][] = [
  ['an empty body', 'bad-request', ''],
  ['text', 'bad-request', 'hello'],
  ['JSON', 'bad-request', '{"rid":1}'],
  ['an element that is not closed', 'bad-request', "<body rid='5'"],
  ['an element closed by another', 'bad-request', creation('<a></b>')],
  ['two roots', 'bad-request', creation('') + creation('')],
  ['another root', 'bad-request', `<html xmlns='${httpbind}'/>`],
  ['another namespace', 'bad-request', "<body rid='5' to='plain.example' xmlns='urn:other'/>"],
  ['an undeclared prefix', 'bad-request', creation('<x:a/>')],
  ['an attribute twice', 'bad-request', body("rid='5' rid='6' to='plain.example'")],
  ['a document type with entities', 'bad-request', `${entities}${creation('<message>&c;</message>')}`],
  ['an external entity', 'bad-request', `<!DOCTYPE body [<!ENTITY x SYSTEM "file:///etc/passwd">]>${creation('&x;')}`],
  ['a comment', 'bad-request', creation('<!-- -->')],
  ['a processing instruction', 'bad-request', creation('<?php 1?>')],
  ['elements nested 5000 deep', 'bad-request', creation('<a>'.repeat(5000) + '</a>'.repeat(5000))],
  [
    'a thousand attributes',
    'bad-request',
    creation(`<a ${Array.from({ length: 1000 }, (_, i) => `a${i}=''`).join(' ')}/>`),
  ],
  ['ten thousand stanzas', 'bad-request', creation("<presence xmlns='jabber:client'/>".repeat(10_000))],
  ['bytes that are not UTF-8', 'bad-request', Buffer.from([0, 1, 2, 0xff, 0xfe, 0x80])],
  ['Latin-1', 'bad-request', Buffer.from(creation('<a>\xe9</a>'), 'latin1')],
  ['UTF-16', 'bad-request', Buffer.from(`\ufeff${creation('')}`, 'utf16le')],
  ['no rid', 'bad-request', body("to='plain.example'")],
  ['a rid that is not a number', 'bad-request', body("rid='x' to='plain.example'")],
  ['a rid beyond 2^53', 'bad-request', body("rid='9007199254740993' to='plain.example'")],
  ['a negative rid', 'bad-request', body("rid='-1' to='plain.example'")],
  ['no domain', 'improper-addressing', body("rid='5'")],
  ['an invalid domain', 'improper-addressing', body("rid='5' to='a b'")],
  ['a domain that is not allowed', 'host-unknown', body("rid='5' to='elsewhere.example'")],
  ['an unknown sid', 'item-not-found', body("rid='5' sid='0123456789abcdef'")],
  ['an empty sid', 'item-not-found', body("rid='5' sid=''")],
  ['a sid with markup', 'item-not-found', body("rid='5' sid='&lt;&quot;&gt;'")],
]
