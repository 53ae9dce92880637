/** An app inside NestJS: a provider of a module, which starts and stops with it. */
import 'reflect-metadata'
import {
  type ArgumentsHost,
  Body,
  Catch,
  Controller,
  type ExceptionFilter,
  Get,
  HttpCode,
  Inject,
  Injectable,
  Module,
  type OnApplicationShutdown,
  type OnModuleInit,
  Param,
  Post,
} from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import { App, ContrailError, httpStatus, nodeMonitor, type Publisher } from 'contrail'
import { z } from 'zod'

const Order = z.object({ sku: z.string(), quantity: z.number() })
type Order = z.infer<typeof Order>

/** Handlers are methods of providers, so that they have what Nest injects. */
@Injectable()
class Sales implements OnModuleInit {
  readonly #app: App
  readonly #sold = new Map<string, number>()

  constructor(@Inject(App) app: App) {
    this.#app = app
  }

  onModuleInit(): void {
    const sales = this.#app.stream('SALES', { subjects: ['sales.>'] })
    sales.consume('sales.{id}.created', { deliver: 'new', schema: Order }, (order) => this.#created(order))
    this.#app.subscribe('sold.{sku}', (_, { params }) => this.#sold.get(params.sku) ?? 0)
  }

  #created({ sku, quantity }: Order): void {
    this.#sold.set(sku, (this.#sold.get(sku) ?? 0) + quantity)
  }
}

@Controller()
class Orders {
  readonly #created: Publisher<'sales.{id}.created', Order>
  readonly #sold: Publisher<'sold.{sku}', unknown>

  constructor(@Inject(App) app: App) {
    this.#created = app.publisher('sales.{id}.created', { schema: Order })
    this.#sold = app.publisher('sold.{sku}')
  }

  @Post('orders/:id')
  @HttpCode(202)
  async create(@Param('id') id: string, @Body() body: Order) {
    const ack = await this.#created.publish(body, { params: { id }, id })
    return { seq: ack?.seq, duplicate: ack?.duplicate === true }
  }

  @Get('sold/:sku')
  sold(@Param('sku') sku: string): Promise<number> {
    return this.#sold.request<number>(undefined, { params: { sku } })
  }
}

/** An order of the wrong form, or an id that can't be in a subject, is the client's to correct. */
@Catch(ContrailError)
class Failures implements ExceptionFilter {
  catch(error: ContrailError, host: ArgumentsHost): void {
    const response = host.switchToHttp().getResponse()
    response.status(httpStatus(error)).json({ error: error.message })
  }
}

/** What has been declared when modules are initialised starts when the application does. */
@Module({
  controllers: [Orders],
  providers: [Sales, { provide: App, useFactory: () => new App() }],
})
class ShopModule implements OnApplicationShutdown {
  readonly #app: App

  constructor(@Inject(App) app: App) {
    this.#app = app
  }

  async onApplicationBootstrap(): Promise<void> {
    await this.#app.start()
  }

  async onApplicationShutdown(): Promise<void> {
    await this.#app.stop()
  }
}

const nest = await NestFactory.create(ShopModule, { logger: ['error', 'warn'] })
nest.enableShutdownHooks(undefined, { useProcessExit: true })
nest.useGlobalFilters(new Failures())
nest.use(nodeMonitor(nest.get(App))) // /metrics, /healthz, /readyz
await nest.listen(Number(process.env.PORT ?? 3000), '127.0.0.1')
console.log(`listening on ${await nest.getUrl()}`)
await nest.get(App).stopped
console.log('stopped')
