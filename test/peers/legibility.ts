// What a reader needs of a page, whatever stands on it: contrast, a place to be, and room on a small screen.
import axe from 'axe-core'
import type { Page } from 'playwright-core'

/** By how many pixels the page is wider than its window. */
export function excessWidth(tab: Page): Promise<number> {
  return tab.evaluate<number>('document.documentElement.scrollWidth - document.documentElement.clientWidth')
}

/** The rules of axe-core that a page breaks, contrast among them, each with the elements that do. */
export async function brokenRules(tab: Page): Promise<string[]> {
  await tab.evaluate(axe.source)
  return tab.evaluate<string[]>(`axe
    .run({ preload: false, resultTypes: ['violations'] })
    .then(({ violations }) =>
      violations.map(({ id, nodes }) => id + ': ' + nodes.map(({ html }) => html).join(' ')))`)
}

/** What is too small for a finger, less than 44 pixels high, but for links within a sentence (WCAG 2.2 §2.5.5). */
export function smallTargets(tab: Page): Promise<string[]> {
  return tab.evaluate<string[]>(`(() => {
    const targets = document.querySelectorAll('a, button, input:not([type=hidden]), select, summary')
    return [...targets]
      .filter(element => element.checkVisibility() && getComputedStyle(element).display !== 'inline')
      .filter(element => element.getBoundingClientRect().height < 43.5)
      .map(element => element.id || element.value || element.textContent)
  })()`)
}

/** Whether a user of the keyboard sees where the focus is. */
export function showsFocus(tab: Page): Promise<boolean> {
  return tab.evaluate<boolean>(`(() => {
    const { outlineStyle, outlineWidth } = getComputedStyle(document.activeElement)
    return outlineStyle !== 'none' && Number.parseFloat(outlineWidth) >= 2
  })()`)
}

/** What has the keyboard: its id, or what it says. */
export function focused(tab: Page): Promise<string> {
  return tab.evaluate<string>(
    "document.activeElement.id || document.activeElement.getAttribute('value') || document.activeElement.textContent",
  )
}

const overlapping = `(() => {
  const element = node => (node.nodeType === Node.TEXT_NODE ? node.parentElement : node)
  const isAside = node => {
    for (let at = element(node); at !== null; at = at.parentElement) {
      const { clipPath, position } = getComputedStyle(at)
      if (clipPath !== 'none' || position === 'sticky' || position === 'fixed') return true
    }
    return false
  }
  const common = (one, other) => ({
    left: Math.max(one.left, other.left),
    right: Math.min(one.right, other.right),
    top: Math.max(one.top, other.top),
    bottom: Math.min(one.bottom, other.bottom),
  })
  // What the boxes around a box do not cut off.
  const shown = (node, box) => {
    let isAbsolute = false
    for (let at = node === element(node) ? node : null, up = element(node); up !== null; at = up, up = up.parentElement) {
      if (at !== null && getComputedStyle(at).position === 'absolute') isAbsolute = true
      const { overflowX, position } = getComputedStyle(up)
      if (isAbsolute && position === 'static') continue
      isAbsolute = false
      if (up !== node && overflowX !== 'visible') box = common(box, up.getBoundingClientRect())
    }
    return box
  }
  const items = [...document.querySelectorAll('input:not([type=hidden]), select, button, svg')]
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
  while (walker.nextNode()) if (walker.currentNode.data.trim()) items.push(walker.currentNode)
  const boxesOf = item => {
    const range = document.createRange()
    range.selectNodeContents(item)
    const boxes = item.nodeType === Node.TEXT_NODE ? range.getClientRects() : [item.getBoundingClientRect()]
    return [...boxes].map(box => ({ item, ...shown(item, box) }))
  }
  const boxes = items
    .filter(item => element(item).checkVisibility() && !isAside(item))
    .flatMap(boxesOf)
    .filter(({ left, right, top, bottom }) => right - left > 2 && bottom - top > 2)
    .sort((one, other) => one.top - other.top)
  const nameOf = item => (item.data ?? item.value ?? item.getAttribute('class') ?? item.localName).trim()
  const found = new Set()
  for (const [index, one] of boxes.entries()) {
    for (const other of boxes.slice(index + 1)) {
      if (other.top > one.bottom - 2) break
      const { left, right, top, bottom } = common(one, other)
      const isPart = one.item === other.item || one.item.contains(other.item) || other.item.contains(one.item)
      if (!isPart && right - left > 2 && bottom - top > 2) found.add(nameOf(one.item) + ' | ' + nameOf(other.item))
    }
  }
  return [...found]
})()`

/** Pairs of texts and controls that lie on each other by more than two pixels, so that neither can be read. */
export function overlaps(tab: Page): Promise<string[]> {
  return tab.evaluate<string[]>(overlapping)
}
