import { defaultLimits, type Element, Scanner } from './scanner.js'

/** The children of an element, each made independent of it. For text that has been read before. */
export function childrenOf(text: string): Element[] {
  const children: Element[] = []
  const sink = { onOpen() {}, onElement: (element: Element) => children.push(element), onClose() {} }
  new Scanner(sink, defaultLimits).write(text)
  return children
}

/** The text of an element that has no children. */
export function textOf(text: string): string {
  return /^<[^>]*[^/]>([^<]*)</.exec(text)?.[1] ?? ''
}
