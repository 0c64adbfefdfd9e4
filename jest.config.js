// Three projects: `unit` needs nothing but Node, `scenarios` runs the whole service on loopback with
// scripted XMPP servers, `peers` runs it against Prosody and ejabberd, with real clients. `npm test` runs all three.
const common = {
  testEnvironment: '<rootDir>/test/support/environment.js',
  // Our sources import each other as `.js`, the name they have once built.
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': ['$1.ts', '$1.js'] },
  // To CommonJS, what there is of ECMAScript modules in the packages included: Jest runs modules only with Node's
  // `--experimental-vm-modules`, which takes twice the time and has ended whole runs with a segmentation fault.
  transformIgnorePatterns: ['/node_modules/(?!(@xmpp|ltx|@mongodb-js|@seriousme|jose|redos-detector)/)'],
  transform: {
    '^.+\\.[tj]s$': [
      '@swc/jest',
      { jsc: { parser: { syntax: 'typescript' }, target: 'es2022' }, module: { type: 'commonjs' } },
    ],
  },
}

const project = (displayName, testMatch) => ({ ...common, displayName, testMatch })

/** Those that start the built service. */
const built = {
  globalSetup: '<rootDir>/test/support/service-bundle.js',
  globalTeardown: '<rootDir>/test/support/service-bundle-end.js',
}

export default {
  // Half of what tests do is waiting for others: five workers for two cores.
  maxWorkers: 5,
  testSequencer: '<rootDir>/test/support/sequencer.js',
  // A slow or busy machine is no failure. Waits in tests time out earlier, and say what is missing.
  testTimeout: 300_000,
  projects: [
    project('unit', ['<rootDir>/test/!(scenarios|peers|support)/**/*.test.ts', '<rootDir>/test/*.test.ts']),
    { ...project('scenarios', ['<rootDir>/test/scenarios/**/*.test.ts']), ...built },
    { ...project('peers', ['<rootDir>/test/peers/**/*.test.ts']), ...built },
  ],
}
