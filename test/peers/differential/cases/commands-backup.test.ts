/** Every command of `nats backup`, with streams and whole accounts. */
import { differential } from '../harness.ts'

differential('backup stream, info, validate, restore stream', async (s) => {
  const folder = `${s.server.directory}/one`
  await s.nats('stream add S --subjects s.> --defaults')
  for (let i = 0; i < 7; i++) await s.request(`s.${i % 3}`, `message ${i}`, `A: ${i}`)
  await s.nats('consumer add S C --pull --defaults')
  await s.nats('consumer next S C --count 2 --raw')
  await s.natsInAnyOrder('backup stream S --no-progress', folder)
  await s.natsInAnyOrder('backup stream S --no-progress', folder)
  await s.natsInAnyOrder('backup stream NONE --no-progress', `${folder}-none`)
  await s.nats('backup info', folder)
  await s.nats('backup info --subjects', folder)
  await s.nats('backup validate --no-progress', folder)
  await s.natsInAnyOrder('backup restore stream --no-progress', folder)
  await s.nats('stream rm S --force')
  await s.natsInAnyOrder('backup restore stream --no-progress', folder)
  await s.nats('stream info S')
  await s.nats('consumer info S C')
  await s.nats('stream get S 7')
})

differential('backup edit, obfuscated, lookup', async (s) => {
  const folder = `${s.server.directory}/two`
  await s.nats('stream add S --subjects s.> --defaults')
  for (let i = 0; i < 7; i++) await s.request(`s.${i % 3}`, `message ${i}`, `A: ${i}`)
  await s.natsInAnyOrder('backup stream S --no-progress', folder)
  await s.nats('backup edit --no-progress --subject s.1 --dry-run', folder, `${folder}-edited`)
  await s.nats('backup edit --no-progress --subject s.1 --renumber', folder, `${folder}-edited`)
  await s.nats('backup validate --no-progress', `${folder}-edited`)
  await s.nats('stream rm S --force')
  await s.natsInAnyOrder('backup restore stream --no-progress', `${folder}-edited`)
  await s.nats('stream info S')
  await s.nats('stream get S 2')
})

differential('backup account and restore account', async (s) => {
  const folder = `${s.server.directory}/all`
  await s.nats('stream add S --subjects s.> --defaults')
  await s.nats('kv add B --history 3')
  await s.nats('kv put B key value')
  for (let i = 0; i < 3; i++) await s.request(`s.${i}`, `message ${i}`)
  await s.nats('backup account --force', folder)
  await s.nats('stream rm S --force')
  await s.nats('kv del B --force')
  await s.natsInAnyOrder('backup restore account', folder)
  await s.nats('stream ls --names --all')
  await s.nats('kv get B key --raw')
})
