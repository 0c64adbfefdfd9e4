// What `npm run mutants` can change in a source file.
import { SyntaxKind } from 'typescript/unstable/ast'

const operators = new Map(
  Object.entries({
    '<': '<=',
    '<=': '<',
    '>': '>=',
    '>=': '>',
    '===': '!==',
    '!==': '===',
    '&&': '||',
    '||': '&&',
    '+': '-',
  }),
)

/** Each change that is possible in a file: the range, and the text before and after the change. */
export function placesIn(file, source) {
  const places = []
  const textOf = node => source.text.slice(node.getStart(source), node.end)
  const visit = node => {
    const [changed, after] = changeOf(node, textOf) ?? []
    if (after !== undefined) {
      const start = changed.getStart(source)
      const line = source.text.slice(0, start).split('\n').length
      places.push({ file, line, start, end: changed.end, before: textOf(changed), after })
    }
    if (node.kind !== SyntaxKind.LiteralType) node.forEachChild(visit)
  }
  visit(source)
  return places
}

/** The node to change, and its text after the change. */
function changeOf(node, textOf) {
  switch (node.kind) {
    case SyntaxKind.BinaryExpression: {
      const other = operators.get(textOf(node.operatorToken))
      return other && [node, `${textOf(node.left)} ${other} ${textOf(node.right)}`]
    }
    case SyntaxKind.IfStatement:
      return isEquality(node.expression) ? undefined : [node.expression, `!(${textOf(node.expression)})`]
    case SyntaxKind.ExpressionStatement:
      return isCall(node.expression) ? [node, removed] : undefined
    case SyntaxKind.ReturnStatement:
      return isInIf(node) ? [node, removed] : undefined
    case SyntaxKind.TrueKeyword:
      return [node, 'false']
    case SyntaxKind.FalseKeyword:
      return [node, 'true']
    case SyntaxKind.NumericLiteral:
      return node.parent.name === node ? undefined : [node, `(${textOf(node)} + 1)`]
  }
}

/** Its own change is the same as that of the condition. */
const isEquality = ({ operatorToken }) =>
  [SyntaxKind.EqualsEqualsEqualsToken, SyntaxKind.ExclamationEqualsEqualsToken].includes(operatorToken?.kind)

/** The text in place of a statement. */
const removed = ';'

function isCall(node) {
  if (node.kind === SyntaxKind.AwaitExpression || node.kind === SyntaxKind.VoidExpression)
    return isCall(node.expression)
  return node.kind === SyntaxKind.CallExpression && node.expression.kind !== SyntaxKind.SuperKeyword
}

const isInIf = ({ parent }) =>
  [parent, parent.kind === SyntaxKind.Block && parent.parent].some(around => around?.kind === SyntaxKind.IfStatement)

export const mutated = (text, { start, end, after }) => text.slice(0, start) + after + text.slice(end)

/** The text with marks: when the program comes to a place, it writes a file with the number of the place. */
export function marked(text, places, folder) {
  const inserted = places.flatMap(({ start, end, number, after }) => {
    const write = `globalThis.process.getBuiltinModule('node:fs').writeFileSync('${folder}/${number}', '')`
    const mark = `((globalThis.reached ??= new Set()).has(${number}) || (globalThis.reached.add(${number}), ${write}))`
    return [
      { at: start, added: after === removed ? `{ ${mark}; ` : `(${mark}, `, isEnd: 0, size: end - start },
      { at: end, added: after === removed ? ' }' : ')', isEnd: 1, size: start - end },
    ]
  })
  // From the end of the text. At one position, an inner place begins behind an outer one, and ends before it.
  inserted.sort((one, other) => other.at - one.at || one.isEnd - other.isEnd || one.size - other.size)
  return inserted.reduce((result, { at, added }) => result.slice(0, at) + added + result.slice(at), text)
}
