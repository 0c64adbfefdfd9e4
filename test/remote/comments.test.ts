import { expect, test } from '@jest/globals'
import { linksInXrd } from '../../src/remote/endpoint-discovery.js'
import { cpuTime } from '../support/cpu-time.js'

const xrd = (inside: string) => `<XRD xmlns='http://docs.oasis-open.org/ns/xri/xrd-1.0'>${inside}</XRD>`
const link = "<Link rel='r' href='h'/>"
const links = [{ rel: 'r', href: 'h' }]

test.each([
  [`<!-- a -->${link}<!---->`, links],
  [`<!--${link}-->`, []],
  // `<!-->` is only a beginning.
  [`<!--->a-->${link}`, links],
])('comments are left out: %s', (inside, expected) => {
  expect(linksInXrd(xrd(inside))).toEqual(expected)
})

test.each(['<!-- no end', '<!-- a -- b -->'])('a comment that is not well-formed is refused: %s', comment => {
  expect(() => linksInXrd(xrd(comment))).toThrow()
})

test.each(['<!--', '<!---->', '<!-', '<!-- ', '-->'])('half a megabyte of %j takes milliseconds', piece => {
  const text = piece.repeat(Math.floor((512 * 1024) / piece.length))
  const before = cpuTime()
  expect(() => linksInXrd(text)).toThrow()
  // With a search for each beginning, this took 13 seconds.
  expect(cpuTime() - before).toBeLessThan(2_000)
})
