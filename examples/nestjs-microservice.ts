/** Nest's microservices on an app: decorators for requests, events, and streams with retries and dead letters. */
import 'reflect-metadata'
import { Controller, Inject, Module, UseFilters } from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import { type ClientProxy, Ctx, EventPattern, MessagePattern, Payload } from '@nestjs/microservices'
import { App } from 'contrail'
import { ContrailClient, type ContrailContext, ContrailFilter, ContrailTransport } from 'contrail/nestjs'
import { firstValueFrom } from 'rxjs'

const app = new App({ memory: true })
const orders = app.stream('ORDERS')
const retry = { attempts: 3, backoff: '10ms', deadLetter: true } as const

@Controller()
@UseFilters(new ContrailFilter())
class Shop {
  readonly #client: ClientProxy

  constructor(@Inject('SHOP') client: ClientProxy) {
    this.#client = client
  }

  @MessagePattern('price.{sku}')
  price(@Payload() { quantity }: { quantity: number }, @Ctx() context: ContrailContext) {
    return { sku: context.getParams().sku, total: 25 * quantity }
  }

  @EventPattern('orders.{id}.created', { stream: 'ORDERS', durable: 'billing', retry })
  async bill(@Payload() order: { sku: string; quantity: number }, @Ctx() context: ContrailContext) {
    const { total } = await firstValueFrom(this.#client.send(`price.${order.sku}`, order))
    console.log(`order ${context.getParams().id}: ${total}`)
    void service.close()
  }
}

@Module({
  controllers: [Shop],
  providers: [{ provide: 'SHOP', useFactory: () => new ContrailClient(app) }],
})
class ShopModule {}

const strategy = new ContrailTransport(app, { streams: [orders] })
const service = await NestFactory.createMicroservice(ShopModule, { strategy, logger: ['error', 'warn'] })
await service.listen()
const client = service.get<ClientProxy>('SHOP')
await firstValueFrom(client.emit('orders.7.created', { sku: 'nut', quantity: 3 }), {
  defaultValue: undefined,
})
