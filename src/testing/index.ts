/**
 * `contrail/testing`: an app in a test's own process, on a broker in memory, with time that passes when told to.
 */

export { type Call, type Published, TestApp, type TestAppOptions, testApp } from './test-app.ts'
export { TestClock } from './test-clock.ts'
