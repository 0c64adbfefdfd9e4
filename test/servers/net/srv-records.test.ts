import { describe, expect, test } from '@jest/globals'
import { inOrder, type Service } from '../../../src/servers/net/srv-records.js'
import { Random } from '../../support/random.js'

/** `name priority weight`, or `!name …` for direct TLS. */
function service(text: string): Service {
  const [name = '', priority = 0, weight = 0] = text.split(' ')
  return {
    name: name.replace('!', ''),
    port: 5222,
    priority: Number(priority),
    weight: Number(weight),
    direct: name.startsWith('!'),
  }
}
const order = (texts: readonly string[], random?: () => number) =>
  inOrder(texts.map(service), random).map(({ host, tls }) => `${tls === 'direct' ? '!' : ''}${host}`)

describe('SRV records are tried', () => {
  test('with direct TLS first at equal priority, each at its own port', () => {
    expect(order(['c 20 100', '!d 30', 'b 10 100', '!a 10 1'])).toEqual(['!a', 'b', 'c', '!d'])
    const [target] = inOrder([{ ...service('!a 5'), port: 443 }])
    expect(target).toEqual({ host: 'a', port: 443, tls: 'direct', usesDns: true })
  })

  test('first in proportion to their weights', () => {
    const random = new Random(4711)
    const firsts = new Map<string, number>()
    for (let time = 0; time < 4000; time++) {
      const [first = ''] = order(['a 0 10', 'b 0 30', 'c 0 60', 'd 0 0'], () => random.below(1e9) / 1e9)
      firsts.set(first, (firsts.get(first) ?? 0) + 1)
    }
    const share = (name: string) => Math.round((firsts.get(name) ?? 0) / 400)
    expect([share('a'), share('b'), share('c')]).toEqual([1, 3, 6])
    expect(firsts.get('d')).toBeGreaterThan(0)
  })

  test('in any order without weights, each once', () => {
    expect(order(['a', 'b', 'c'], () => 0)).toEqual(['a', 'b', 'c'])
    expect(order(['a', '!b', 'c']).sort()).toEqual(['!b', 'a', 'c'])
    expect(order([])).toEqual([])
  })

  test('16 at most', () => {
    const many = Array.from({ length: 20 }, (_, at) => `h${at} ${at}`)
    expect(order(many)).toEqual(Array.from({ length: 16 }, (_, at) => `h${at}`))
  })

  test('without comparing the priorities of all pairs', () => {
    let looks = 0
    const counted = Array.from({ length: 3000 }, (_, at) =>
      Object.defineProperty({ ...service(`h${at}`) }, 'priority', {
        get() {
          looks += 1
          return at
        },
      }),
    )
    expect(inOrder(counted).map(({ host }) => host)).toEqual(Array.from({ length: 16 }, (_, at) => `h${at}`))
    expect(looks / counted.length).toBeLessThan(60)
  })
})
