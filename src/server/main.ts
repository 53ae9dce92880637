/** The process `contrail-server`: flags and configuration file in, a server out, signals to its end. */
import { run } from './run.ts'

await run(process.argv.slice(2))
