/** The `nats` command line on streams that map, republish and count. */
import { differential } from '../harness.ts'

differential('nats stream add and edit with a transform', async (s) => {
  const transform = ['--transform-source', 's.*.*', '--transform-destination', 't.$2.{{partition(3,1)}}']
  await s.nats('stream add S --subjects s.> --defaults', ...transform)
  await s.nats('request s.a.b hello --raw')
  await s.nats('stream subjects S')
  await s.nats('stream get S 1')
  await s.nats('stream info S')
  await s.nats('stream add T --subjects t.> --defaults --transform-source t.* --transform-destination t.$2')
  await s.nats('stream edit S --force --transform-source s.*.* --transform-destination u.$1.$2')
  await s.nats('stream edit S --force --no-transform')
  await s.nats('stream info S --json')
})

differential('nats stream add and edit with republishing', async (s) => {
  const republish = ['--republish-source', 's.*', '--republish-destination', 'r.$1']
  await s.subscribe('r.>')
  await s.nats('stream add S --subjects s.> --defaults', ...republish)
  await s.nats('request s.a hello --raw')
  await s.nats('stream edit S --force --republish-headers --republish-source s.> --republish-destination r.>')
  await s.nats('request s.a hello --raw')
  await s.nats('stream info S')
  await s.nats('stream edit S --force --no-republish')
  await s.nats('request s.a hello --raw')
  await s.nats('stream info S --json')
  await s.nats('stream add T --subjects t.> --defaults --republish-destination t.x.>')
  await s.settle('republished', true)
})

differential('nats counter', async (s) => {
  await s.nats('stream add C --subjects c.> --defaults --allow-counter --allow-direct')
  await s.nats('counter increment c.a 5')
  await s.nats('counter increment c.a 1')
  await s.nats('counter decrement c.a 20')
  await s.nats('counter increment c.b 123456789012345678901234567890')
  await s.nats('counter increment c.a x')
  await s.nats('counter get c.a')
  await s.nats('counter get c.b')
  await s.nats('counter get c.none')
  await s.nats('counter view c.a')
  await s.natsInAnyOrder('counter list c.>')
  await s.nats('counter list c.a')
  await s.nats('counter get elsewhere')
  await s.nats('stream info C')
  await s.nats('stream edit C --force --no-allow-counter')
})
