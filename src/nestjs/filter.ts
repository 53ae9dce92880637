/** Lets what handlers throw through to the app, which Nest would make "Internal server error" of. */
import { type ArgumentsHost, Catch } from '@nestjs/common'
import { BaseRpcExceptionFilter } from '@nestjs/microservices'
import type { Observable } from 'rxjs'
import { ContrailContext } from './context.ts'

/**
 * With `nest.useGlobalFilters(new ContrailFilter())` retry rules, `Reject`, `ReplyError` and the reasons of dead letters are those of what
 * the handler threw. Filters of your own that come before it may do otherwise.
 */
export class ContrailFilter extends BaseRpcExceptionFilter {
  override catch(exception: unknown, host: ArgumentsHost): Observable<unknown> {
    const context: unknown = host.getType() === 'rpc' ? host.switchToRpc().getContext() : undefined
    if (context instanceof ContrailContext) context.thrown = exception
    return super.catch(exception as never, host)
  }
}

Catch()(ContrailFilter)
