import { describe, expect, test } from '@jest/globals'
import { BoshBench, boshNamespace, empty, message, terminated } from '../../support/bosh-bench.js'

const acks = "wait='60' hold='1' ver='1.6' ack='1'"

describe('a session with acknowledgements', () => {
  test('announces them in the creation reply', async () => {
    const { creation } = await new BoshBench().session(acks, 799)
    expect(creation.reply?.body).toContain(" ack='799'")
  })

  test('stores more replies than the window until the client acknowledges them', async () => {
    const client = await new BoshBench().session(acks, 799)
    await client.at(800, message('x'))
    for (let rid = 801; rid < 806; rid++) await client.at(rid, message('x'), "ack='799'")
    expect((await client.at(800, message('x'), "ack='799'")).reply?.body).toBe(
      `<body ack='801' xmlns='${boshNamespace}'/>`,
    )
  })

  test('rejects an ack that is not a number', async () => {
    const client = await new BoshBench().session(acks, 799)
    expect((await client.at(800, '', "ack='soon'")).reply?.body).toBe(terminated('bad-request'))
  })
})

describe('a session without acknowledgements', () => {
  test('sends no ack', async () => {
    const client = await new BoshBench().session("ver='1.6'")
    expect(client.creation.reply?.body).not.toContain(' ack=')
    const held = await client.next()
    await client.next(message('a'), "ack='1'")
    expect(held.reply?.body).toBe(empty)
  })
})
