import { expect, test } from '@jest/globals'
import { SaxesParser } from 'saxes'
import { escapeCarriageReturns } from '../../../src/xmpp/xml/carriage-returns.js'
import { startTagOf } from '../../../src/xmpp/xml/document.js'
import { cpuTime } from '../../support/cpu-time.js'
import { header, read } from './reading.js'

test.each(['a b', 'a\tb', 'a\nb', 'a\rb', 'a\r\nb', 'a\n\rb', 'é\r\r\n\n\t€😀', '&#9;&#xd;\n&#10;'])(
  'white space in the value %j is what a parser reads',
  value => {
    const values: string[] = []
    const parser = new SaxesParser()
    parser.on('attribute', attribute => values.push(attribute.value))
    const text = `<a b='${value}'/>`
    parser.write(text).close()
    expect(values).toEqual([startTagOf(text).attribute('b')])
  },
)

/** The shortest of five times of the processor, in milliseconds. */
function timeOf(work: () => void): number {
  let shortest = Number.POSITIVE_INFINITY
  for (let time = 0; time < 5; time++) {
    const begin = cpuTime()
    work()
    shortest = Math.min(shortest, cpuTime() - begin)
  }
  return shortest
}

test('a long attribute value of white space takes no longer by its length than another', () => {
  const length = 1_000_000
  const reading = (value: string) => () => {
    const { elements } = read(`${header}<a b='${value}' xmlns:p='p${value}p'><![CDATA[]]></a>`, {
      maxElementBytes: 4 * length,
      maxDeclarations: 2 * length,
    })
    expect(elements).toHaveLength(1)
  }
  const plain = timeOf(reading('x'.repeat(length)))
  // Two to four times as long. A search from each character to the end would take 10,000 times as long.
  for (const space of ['\r', '\n', '\t']) expect(timeOf(reading(space.repeat(length)))).toBeLessThan(50 * plain)
})

test('a carriage return makes a CDATA section of much markup take no longer by its length than another', () => {
  const reading = (piece: string) => () => escapeCarriageReturns(`<a><![CDATA[${piece.repeat(200_000)}\r]]></a>`)
  // Three times as long. With strings between the pieces of markup, it took 15 times as long.
  expect(timeOf(reading('a<b>&]'))).toBeLessThan(7 * timeOf(reading('abcdef')))
})
