import { describe, expect, test } from '@jest/globals'
import { childrenOf, documentReader, readElement, startTagOf, textOf } from '../../../src/xmpp/xml/document.js'
import { defaultLimits } from '../../../src/xmpp/xml/limits.js'
import { XmlError } from '../../../src/xmpp/xml/xml-error.js'
import { isCollected } from '../../support/collected.js'
import { countSteps } from '../../support/steps.js'

describe('a single element', () => {
  test('may have text beside its children', () => {
    const { root, children } = readElement(
      "<m xmlns='u' a='1'>text &lt;<b c='>'/>\n more <![CDATA[<x>]]><d>e</d> end</m>",
    )
    expect(root).toMatchObject({ name: 'm', namespace: 'u' })
    expect(root.attribute('a')).toBe('1')
    expect(children.map(({ text }) => text)).toEqual(["<b xmlns='u' c='>'/>", "<d xmlns='u'>e</d>"])
    expect(readElement("<m xmlns='u'>text</m>").children).toEqual([])
  })
})

describe('an element whose children inherit a long namespace', () => {
  const children = (count: number, child: string) =>
    `<m xmlns='u' xmlns:p='${'&amp;'.repeat(400)}' id='&amp;'>${child.repeat(count)}</m>`

  test.each(['<p:a/>', '<p:é/>'])('is parsed if they are few: %s', child => {
    expect(childrenOf(children(20, child))).toHaveLength(20)
  })

  test.each(['<p:a/>', '<p:é/>'])('is rejected before they are copied: %s', child => {
    const text = children(20_000, child)
    const steps = countSteps(() => expect(() => childrenOf(text)).toThrow('inherit too much'))
    expect(steps).toBeLessThan(4 * text.length)
  })

  test('has a start tag that can be parsed alone', () => {
    const text = children(20_000, '<p:é/>')
    const steps = countSteps(() => expect(startTagOf(text).attribute('id')).toBe('&'))
    expect(steps).toBeLessThan(text.length / 2)
  })
})

describe('a start tag', () => {
  test.each([
    "<a b='&gt;>' c=\"'/>\" d='é'/>",
    "<a b='&gt;>' c=\"'/>\" d='é'>x<b/></a>",
    "<a b='&gt;>' c=\"'/>\" d='é' \n/>",
    "<é b='&gt;>' c=\"'/>\" d='é'><![CDATA[>]]></é>",
  ])('is parsed alone: %s', text => {
    const { values } = startTagOf(text)
    expect(values).toEqual(['>>', "'/>", 'é'])
  })
})

describe('a parser of documents', () => {
  const reader = documentReader(defaultLimits)

  const faulty = ['<m>', '<m></n>', '', '<m/><n/>', '<m/>x', '<m>text<b/></m>']
  test.each(faulty)('rejects «%s», and then parses other documents', text => {
    expect(() => reader(text)).toThrow(XmlError)
    expect(reader('<m><b/></m>').children).toEqual([{ name: 'b', namespace: '', text: "<b xmlns=''/>" }])
  })

  test.each(['', ' ', '<r>', '<r><a>', '<r><a/>', '<r', '<r/><', '<r/>&', '<?xml version="1.0"?>', '<?x ><a>'])(
    'rejects the incomplete «%s»',
    text => expect(() => reader(text)).toThrow(XmlError),
  )

  test('can change the namespace of children', () => {
    const moving = documentReader(defaultLimits, {
      meantNamespace: (name, namespace) => (name === 'move' && namespace === 'urn:r' ? 'urn:new' : namespace),
    })
    const { children } = moving(
      "<r xmlns='urn:r' xmlns:p='urn:r' xmlns:q='urn:q'><move><x/></move><stay/><q:move><x/></q:move>" +
        '<move  \n x=\'xmlns="1"\'  xmlns\t=\n"urn:&#114;" y=\'2\'/><p:move><p:x/><x/></p:move>' +
        "<z:move xmlns:z='urn:r' xmlns='urn:r'><z:x/><x/></z:move></r>",
    )
    expect(children.map(({ namespace, text }) => [namespace, text])).toEqual([
      ['urn:new', "<move xmlns='urn:new'><x/></move>"],
      ['urn:r', "<stay xmlns='urn:r'/>"],
      ['urn:q', "<q:move xmlns='urn:r' xmlns:q='urn:q'><x/></q:move>"],
      ['urn:new', '<move  \n x=\'xmlns="1"\'  xmlns\t=\n"urn:new" y=\'2\'/>'],
      ['urn:new', "<p:move xmlns='urn:new' xmlns:p='urn:new'><p:x/><x/></p:move>"],
      ['urn:new', "<z:move xmlns:z='urn:new' xmlns='urn:new'><z:x/><x/></z:move>"],
    ])
  })

  test('has error messages without text of the document', () => {
    expect(() => reader('<r><secret></wrong></r>')).toThrow(
      expect.objectContaining({ name: 'XmlError', message: expect.not.stringMatching(/secret|wrong/) }),
    )
  })

  test('keeps nothing of a document, which may contain a password', async () => {
    const read = () => {
      const { root, children } = reader("<m xmlns='urn:example:m'><auth>secret</auth></m>")
      return [new WeakRef(root), new WeakRef(children[0]!)]
    }
    for (const part of read()) expect(await isCollected(part)).toBe(true)
  })
})

describe('the children of an element', () => {
  test('have all the declarations that they need', () => {
    expect(childrenOf("<a xmlns='urn:a' xmlns:x='urn:x'><b/> <x:c><d x:e='1'>text</d></x:c></a>")).toEqual([
      { name: 'b', namespace: 'urn:a', text: "<b xmlns='urn:a'/>" },
      { name: 'c', namespace: 'urn:x', text: "<x:c xmlns='urn:a' xmlns:x='urn:x'><d x:e='1'>text</d></x:c>" },
    ])
    for (const none of ['<a/>', '<a> </a>']) expect(childrenOf(none)).toEqual([])
  })
})

describe('the text of an element', () => {
  test.each([
    ["<a xmlns='urn:a'>text</a>", 'text'],
    ['<a></a>', ''],
    ['<a/>', ''],
    ["<a b='c>d'>text</a>", 'text'],
    ["<a b='/'>text</a>", 'text'],
    ["<a b='c>d'/>", ''],
    ['<a>&lt;&#x3d;&amp;</a>', '<=&'],
    ['<a>dj<![CDATA[1]]>TQ=<![CDATA[=]]></a>', 'dj1TQ=='],
    ['<x:a xmlns:x="urn:x">text</x:a>', 'text'],
    ['<a> \n</a>', ' \n'],
  ])('in %s is %j', (xml, text) => {
    expect(textOf(xml)).toBe(text)
  })
})
