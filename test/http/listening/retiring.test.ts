import { expect, test } from '@jest/globals'
import { isCollected } from '../../support/collected.js'
import { listenWith } from './listening-stage.js'

test.each(['closes', 'retires, and then closes,'])('a listener that %s leaves nothing in memory', async how => {
  const run = async () => {
    const dispatcher = () => {}
    const listening = await listenWith(dispatcher)
    if (how !== 'closes') listening.retire()
    await listening.close()
    return new WeakRef(dispatcher)
  }
  expect(await isCollected(await run())).toBe(true)
})
