import { notWellFormed } from './characters.js'
import { limitsOfChecked, type XmlLimits } from './limits.js'
import { noDeclarations, Root } from './root.js'
import { declarationsOf, namespaceOf, Scope } from './scope.js'
import { Tag } from './tag.js'
import { XmlError } from './xml-error.js'

const tag = new Tag()
const scope = new Scope()

/** Undefined if the start tag is unfinished. Throws an `XmlError`. */
export function readRoot(text: string, start: number, limits: XmlLimits) {
  if (!tag.read(text, start, limits)) return undefined
  if (tag.fault !== undefined) throw tag.fault()
  scope.begin(noDeclarations)
  if (!scope.open(text, tag, 0)) throw notWellFormed()
  const { count, end, isEmpty } = tag
  const names: string[] = new Array(count)
  const values: string[] = new Array(count)
  for (let index = 0; index < count; index++) {
    names[index] = tag.attributeName(text, index)
    values[index] = tag.attributeValue(text, index)
  }
  const namespace = namespaceOf(text, tag, noDeclarations)
  const root = new Root(text.slice(tag.name, tag.nameEnd), namespace, names, values, declarationsOf(text, tag))
  return { root, end, isEmpty }
}

/** For checked text. */
export function withoutAttribute(text: string, name: string): string {
  tag.read(text, 0, limitsOfChecked)
  for (let index = 0; index < tag.count; index++) {
    if (tag.attributeName(text, index) === name)
      return text.slice(0, tag.attributeStart(index)).trimEnd() + text.slice(tag.valueEnd(index) + 1)
  }
  return text
}

const begin = '<?xml'
const longest = 256
const declaration =
  /<\?xml[ \t\r\n]+version[ \t\r\n]*=[ \t\r\n]*(["'])1\.[0-9]+\1(?:[ \t\r\n]+encoding[ \t\r\n]*=[ \t\r\n]*(["'])([A-Za-z][\w.-]*)\2)?(?:[ \t\r\n]+standalone[ \t\r\n]*=[ \t\r\n]*(["'])(?:yes|no)\4)?[ \t\r\n]*\?>/y

/** The end of an XML declaration (XML 1.0 §2.8), or `at` if there is none. Undefined if it is unfinished. */
export function endOfDeclaration(text: string, at: number): number | undefined {
  if (begin.startsWith(text.slice(at, at + begin.length + 1))) return undefined
  if (!/^<\?xml[ \t\r\n]/.test(text.slice(at, at + begin.length + 1))) return at
  declaration.lastIndex = at
  const match = declaration.exec(text)
  if (match === null) {
    const isUnfinished = text.length - at <= longest && !text.includes('>', at)
    if (isUnfinished) return undefined
    throw notWellFormed()
  }
  if (match[3] !== undefined && !/^utf-?8$/i.test(match[3]))
    throw new XmlError('unsupported-encoding', 'only UTF-8 is read')
  return declaration.lastIndex
}
