/** `contrail server`: the same as `contrail-server`. */
export { runServer as run } from '../server/process.ts'
