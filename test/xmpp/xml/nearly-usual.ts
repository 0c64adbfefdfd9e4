// Documents and streams that are usual, nearly usual, or slightly damaged.
import fc from 'fast-check'

const often = <T>(usual: fc.Arbitrary<T>, odd: fc.Arbitrary<T>, weight = 80) =>
  fc.oneof({ weight, arbitrary: usual }, { weight: 1, arbitrary: odd })

const name = often(
  fc.constantFrom('body', 'message', 'iq', 'a', 'b', 'x_1', 'c-d.e', 'xml', 'xmlns'),
  fc.constantFrom('é', 'aé', '1', '-a', 'constructor', '__proto__', 'n'.repeat(64), 'n'.repeat(65), 'a:b:c'),
)
const prefix = often(fc.constantFrom('', '', '', '', 'p', 's'), fc.constantFrom('xml', 'xmlns', 'q', 'ц', '__proto__'))
const qualified = fc.tuple(prefix, name).map(([before, local]) => (before === '' ? local : `${before}:${local}`))
const namespace = often(
  fc.constantFrom(
    ...['urn:a', 'urn:b', 'jabber:client', 'jabber:client', "urn:'>"],
    ...['http://jabber.org/protocol/httpbind', 'http://etherx.jabber.org/streams'],
  ),
  fc.constantFrom(
    ...['', ' ', ' urn:a', 'urn:a\u00a0', 'urn:&amp;', 'urn:\n', 'urn:é', 'urn:a b'],
    ...['http://www.w3.org/XML/1998/namespace', 'http://www.w3.org/2000/xmlns/'],
  ),
)
const words = often(
  fc.constantFrom('', 'a', 'text', "it's >= that", ' ', '\n ', '\t', 'ж', '€', '\u{1f600}', '\x7f', ']]', ']'),
  fc.constantFrom(
    ...['\r', '\r\n', ']]>', '&', '<', '\0', '\x0b', '\x1f', '\x85', '\ufeff', '\ufffd', '\ufffe', '\uffff'],
    ...['\ud83d', '\ude00', '\ud83dx', '\u2028', '<![CDATA[<]]>', '<!-- -->', '<?a?>'],
  ),
)
const reference = often(
  fc.constantFrom('&amp;', '&lt;', '&gt;', '&quot;', '&apos;', '&#65;', '&#x1F600;', '&#32;', '&#xa;', '&#xD;'),
  fc.constantFrom(
    ...['&nbsp;', '&#0;', '&#x0;', '&#xD800;', '&#xFFFE;', '&#xFFFFFF;', '&#1114112;', '&#x10FFFF;', '&#X41;'],
    ...['&;', '&#;', '&#x;', '&#xg;', '&amp', '&AMP;', '&#00000000065;', '& ;', '&toString;'],
  ),
)
const text = fc.array(fc.oneof({ weight: 4, arbitrary: words }, { weight: 1, arbitrary: reference }), {
  maxLength: 3,
})
const value = text.map(parts => parts.join('').replaceAll(/["'<]/g, ''))
const space = often(fc.constant(' '), fc.constantFrom('\n', '\t', '  ', '\r', '\r\n', '', '\u00a0'))

const attribute = fc.oneof(
  { weight: 6, arbitrary: fc.tuple(fc.constantFrom('to', 'id', 'type', 'to', 'xmlnsa'), value) },
  { weight: 1, arbitrary: fc.tuple(fc.constantFrom('xml:lang', 'p:to', 'p:id', 's:to'), value) },
  { weight: 6, arbitrary: fc.tuple(fc.constant('xmlns'), namespace) },
  {
    weight: 1,
    arbitrary: fc.tuple(often(fc.constantFrom('xmlns:p', 'xmlns:s', 'xmlns:q'), fc.constant('xmlns:xml')), namespace),
  },
  { weight: 1, arbitrary: fc.tuple(qualified, value) },
)
const attributes = fc
  .tuple(
    often(
      fc.uniqueArray(attribute, { selector: ([called]) => called, maxLength: 3 }),
      fc.array(attribute, { maxLength: 20 }),
    ),
    space,
    fc.constantFrom('"', "'"),
    often(fc.constant('='), fc.constantFrom(' =', '= ', '')),
  )
  .map(([all, before, quote, equals]) =>
    all.map(([called, said]) => `${before}${called}${equals}${quote}${said.replaceAll(quote, '')}${quote}`).join(''),
  )

const { element } = fc.letrec<{ element: string }>(tie => ({
  element: fc
    .record({
      name: qualified,
      attributes,
      content: fc.array(
        fc.oneof(
          { maxDepth: 4, depthSize: 'small' },
          text.map(parts => parts.join('')),
          tie('element'),
        ),
        { maxLength: 3 },
      ),
      inside: often(fc.constant(''), fc.constantFrom(' ', '\n')),
      isEmpty: fc.boolean(),
    })
    .map(({ name: called, attributes: all, content, inside, isEmpty }) => {
      if (content.length === 0 && isEmpty) return `<${called}${all}${inside}/>`
      return `<${called}${all}>${content.join('')}</${called}${inside}>`
    }),
}))

const deep = fc.tuple(fc.nat(40), element).map(([depth, inner]) => '<d>'.repeat(depth) + inner + '</d>'.repeat(depth))

const child = fc.oneof({ weight: 40, arbitrary: element }, { weight: 1, arbitrary: deep })
const between = often(fc.constantFrom('', '', ' ', '\n', '\r\n', '\t '), words)

const rootStart = fc
  .tuple(
    often(fc.constantFrom('', "<?xml version='1.0'?>"), fc.constantFrom('\ufeff', ' ', "<?xml version='1.1'?>\n")),
    fc.constantFrom('body', 's:stream'),
    fc.constantFrom("xmlns='urn:a' ", "xmlns='http://jabber.org/protocol/httpbind' ", ''),
    fc.constantFrom(
      "xmlns:s='urn:s' xmlns:p='urn:a'",
      "xmlns:s='urn:a' xmlns:p='urn:p'",
      "xmlns:p='urn:p' xmlns:s='urn:s' id='1' s:to='a'",
    ),
    attributes.map(all => (/xmlns/.test(all) ? '' : all)),
  )
  .map(([before, called, own, others, all]) => ({
    start: `${before}<${called} ${own}${others}${all}>`,
    called,
  }))

const document = fc
  .tuple(rootStart, fc.array(fc.tuple(between, child), { maxLength: 4 }), between)
  .map(([{ start, called }, children, behind]) =>
    children.length === 0 && behind === ''
      ? start.replace(/>$/, '/>')
      : `${start}${children.flat().join('')}${behind}</${called}>`,
  )

/** May still be open. */
const stream = fc
  .tuple(rootStart, fc.array(fc.tuple(between, child), { maxLength: 6 }), between, fc.boolean())
  .map(
    ([{ start, called }, children, behind, ends]) =>
      start + children.flat().join('') + behind + (ends ? `</${called}>` : ''),
  )

const piece = fc.constantFrom(
  ...'<>&\'"/=:;!?[]-._# \t\n\r\0\x01\x0b\x1f\x7f\x85\u00a0\u2028\ufeff\ufffd\ufffe\uffffaxé1',
  ...['\ud83d', '\ude00', '\u{1f600}', 'xmlns', 'xml:', 'p:', "xmlns=''", " to=''", " xmlns:p='urn:q'", '/>', '</'],
  ...['&amp;', '&#32;', '&#0;', ']]>', '<![CDATA[', '<!--', '<?', '<a>', '</a>', '<a/>', '</body>', '</s:stream>'],
)
const blow = fc.record({
  at: fc.double({ min: 0, max: 1, noNaN: true }),
  change: fc.constantFrom('remove', 'insert', 'replace', 'swap'),
  piece,
})

function strike(xml: string, { at, change, piece: other }: { at: number; change: string; piece: string }): string {
  const place = Math.floor(at * xml.length)
  if (change === 'swap') {
    const swapped = (xml[place + 1] ?? '') + (xml[place] ?? '')
    return xml.slice(0, place) + swapped + xml.slice(place + 2)
  }
  const behind = xml.slice(change === 'insert' ? place : place + 1)
  return xml.slice(0, place) + (change === 'remove' ? '' : other) + behind
}

const damaged = (whole: fc.Arbitrary<string>) =>
  fc.oneof(
    { weight: 3, arbitrary: whole },
    {
      weight: 2,
      arbitrary: fc
        .tuple(whole, fc.array(blow, { minLength: 1, maxLength: 2 }))
        .map(([xml, blows]) => blows.reduce(strike, xml)),
    },
  )

export const nearlyUsualDocument = damaged(document)
export const nearlyUsualStream = damaged(stream)
