// Three projects: `unit` needs nothing but Node, `scenarios` runs the whole service on loopback with the
// embedded XMPP server, `peers` runs it against Prosody and ejabberd, with real clients. `npm test` runs all three.
const common = {
  testEnvironment: 'node',
  extensionsToTreatAsEsm: ['.ts'],
  // Our sources import each other as `.js`, the name they have once built.
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': ['$1.ts', '$1.js'] },
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      { jsc: { parser: { syntax: 'typescript' }, target: 'es2022' }, module: { type: 'es6' } },
    ],
  },
}

const project = (displayName, testMatch) => ({ ...common, displayName, testMatch })

export default {
  projects: [
    project('unit', ['<rootDir>/test/!(scenarios|peers|support)/**/*.test.ts', '<rootDir>/test/*.test.ts']),
    project('scenarios', ['<rootDir>/test/scenarios/**/*.test.ts']),
    project('peers', ['<rootDir>/test/peers/**/*.test.ts']),
  ],
}
