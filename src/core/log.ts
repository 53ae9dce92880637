export type LogLevel = 'debug' | 'error' | 'info' | 'trace' | 'warn'
