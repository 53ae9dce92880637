/** Every command of `nats stream` and `nats consumer`, and messages by the command line. */
import { differential } from '../harness.ts'

differential('stream add, with every kind of configuration', async (s) => {
  await s.nats(
    'stream add S --subjects s.> --description text --storage memory --retention limits --defaults',
  )
  await s.nats('stream add S --subjects s.> --defaults')
  await s.nats(
    'stream add W --subjects w --retention work --discard new --max-msgs 5 --max-bytes 1KB --defaults',
  )
  await s.nats(
    'stream add L --subjects l.* --max-age 1h --max-msg-size 100 --max-msgs-per-subject 2 --discard new --discard-per-subject --dupe-window 1m --defaults',
  )
  await s.nats(
    'stream add F --subjects f --first-sequence 100 --allow-rollup --deny-delete --deny-purge --defaults',
  )
  await s.nats(
    'stream add T --subjects t --allow-msg-ttl --subject-del-markers-ttl 1m --allow-direct --defaults',
  )
  await s.nats('stream add B --subjects b --allow-batch --allow-schedules --compression s2 --defaults')
  await s.nats('stream add I --subjects i --retention interest --max-consumers 2 --metadata a=b --defaults')
  await s.nats('stream add M --mirror S --defaults')
  await s.nats('stream add Q --source S --source L --defaults')
  await s.nats('stream add X --subjects s.x --defaults')
  await s.nats('stream add Y --subjects y --replicas 3 --defaults')
  await s.nats('stream add Z --validate --subjects z --defaults')
  for (const name of 'SWLFTBIMQ') await s.nats(`stream info ${name}`)
})

differential('stream ls, report, find, state, subjects, graph', async (s) => {
  await s.nats('stream ls')
  await s.nats('stream report')
  await s.nats('stream add S --subjects s.> --defaults')
  await s.nats('stream add E --subjects e --defaults')
  // As many of none as of another: subjects with the same count come in any order.
  for (let i = 0; i < 12; i++) await s.request(`s.${i < 6 ? 0 : i < 10 ? 1 : 2}`, `message ${i}`)
  await s.nats('consumer add S C --pull --defaults')
  await s.nats('stream ls')
  await s.nats('stream ls --names')
  await s.nats('stream ls --subject s.1')
  await s.nats('stream ls --subject none')
  await s.nats('stream report')
  await s.nats('stream report --json')
  await s.nats('stream find --subject s.1')
  await s.nats('stream find --empty')
  await s.nats('stream find --consumers 1')
  await s.nats('stream find --names --invert --empty')
  await s.nats('stream state S')
  await s.nats('stream state S --json')
  await s.nats('stream state NONE')
  await s.natsInAnyOrder('stream subjects S')
  await s.nats('stream subjects S s.1')
  await s.natsInAnyOrder('stream subjects S --json')
  await s.nats('stream subjects E')
  await s.nats('stream info S')
  await s.nats('stream info NONE')
  await s.nats('stream graph NONE')
})

differential('stream edit, copy, seal, purge, rm', async (s) => {
  // On files nats-server's first sequence stays behind where what is purged ends with gaps.
  await s.nats('stream add S --subjects s.> --storage memory --defaults')
  for (let i = 0; i < 5; i++) await s.request(`s.${i % 2}`, `${i}`)
  await s.nats('stream edit S --max-msgs 3 --description changed --dry-run')
  await s.nats('stream edit S --max-msgs 3 --description changed --force')
  await s.nats('stream edit S --force')
  await s.nats('stream edit S --subjects a..b --force')
  await s.nats('stream edit NONE --force')
  await s.nats('stream copy S C --subjects c.>')
  await s.nats('stream copy S C --subjects d.>')
  await s.nats('stream copy S D')
  await s.nats('stream purge S --subject s.0 --force')
  await s.nats('stream purge S --seq 5 --force')
  await s.nats('stream purge S --keep 1 --force')
  await s.nats('stream purge S --force')
  await s.nats('stream purge NONE --force')
  await s.nats('stream seal S --force')
  await s.nats('stream seal S --force')
  await s.nats('request s.a refused --raw')
  await s.nats('stream purge S --force')
  await s.nats('stream rm S --force')
  await s.nats('stream rm S --force')
})

differential('stream get, view, rmm, gaps', async (s) => {
  await s.nats('stream add S --subjects s.> --allow-direct --defaults')
  for (let i = 0; i < 9; i++) await s.request(`s.${i % 3}`, `message ${i}`, `A: ${i}`)
  await s.nats('stream get S 3')
  await s.nats('stream get S 3 --json')
  await s.nats('stream get S --last-for s.1')
  await s.nats('stream get S --first-for s.1')
  await s.nats('stream get S 99')
  await s.nats('stream get S --last-for s.none')
  await s.nats('stream get NONE 1')
  await s.nats('stream rmm S 4 --force')
  await s.nats('stream rmm S 5 --force')
  await s.nats('stream rmm S 4 --force')
  await s.nats('stream rmm S 99 --force')
  await s.nats('stream gaps S --force --no-progress')
  await s.nats('stream gaps S --force --no-progress --json')
  await s.nats('stream view S 3')
  await s.nats('stream view S 3 --raw')
  await s.nats('stream view S 10 --id 7 --subject s.0')
  await s.nats('stream view NONE')
})

differential('stream cluster, on one node', async (s) => {
  await s.nats('stream add S --subjects s.> --defaults')
  await s.nats('stream cluster step-down S')
  await s.nats('stream cluster peer-remove S x --force')
  await s.nats('stream cluster evacuate S x --force')
  await s.nats('stream cluster cancel-move S')
  await s.nats('stream cluster balance')
  await s.nats('consumer add S C --pull --defaults')
  await s.nats('consumer cluster step-down S C')
  await s.nats('consumer cluster balance S')
})

differential('consumer add, with every kind of configuration', async (s) => {
  await s.nats('stream add S --subjects s.> --defaults')
  await s.nats('consumer add S A --pull --defaults')
  await s.nats('consumer add S A --pull --defaults')
  await s.nats(
    'consumer add S B --pull --ack none --deliver new --filter s.a --filter s.b --max-pending 5 --defaults',
  )
  await s.nats(
    'consumer add S C --pull --ack all --deliver last --wait 5s --max-deliver 3 --backoff linear --backoff-steps 2 --backoff-min 1s --backoff-max 2s --defaults',
  )
  await s.nats(
    'consumer add S D --target d --deliver-group g --heartbeat 5s --flow-control --ack explicit --defaults',
  )
  await s.nats(
    'consumer add S E --target e --deliver subject --replay original --bps 5000 --headers-only --memory --ack none --defaults',
  )
  await s.nats(
    'consumer add S F --pull --deliver 5 --max-waiting 7 --sample 50 --inactive-threshold 1h --max-pull-batch 5 --max-pull-expire 5s --max-pull-bytes 500 --defaults',
  )
  await s.nats('consumer add S G --pull --pinned-groups g --pinned-ttl 10s --defaults')
  await s.nats('consumer add S H --pull --overflow-groups g --metadata a=b --description text --defaults')
  await s.nats('consumer add S I --pull --ephemeral --defaults')
  await s.nats('consumer add S J --pull --filter other --defaults')
  await s.nats('consumer add NONE J --pull --defaults')
  for (const name of 'ABCDEFGH') await s.nats(`consumer info S ${name}`)
})

differential('consumer ls, find, report, state, edit, copy, reset, pause, unpin, rm', async (s) => {
  await s.nats('stream add S --subjects s.> --defaults')
  for (let i = 0; i < 6; i++) await s.request('s.a', `${i}`)
  await s.nats('consumer ls S')
  await s.nats('consumer report S')
  await s.nats('consumer add S A --pull --defaults')
  await s.nats('consumer add S B --pull --ack none --defaults')
  await s.nats('consumer ls S')
  await s.nats('consumer ls S --names')
  await s.nats('consumer ls NONE')
  await s.nats('consumer find S --pull')
  await s.nats('consumer find S --pending 1')
  await s.nats('consumer report S')
  await s.nats('consumer state S A')
  await s.nats('consumer info S A --json')
  await s.nats('consumer info S NONE')
  await s.nats('consumer edit S A --description changed --force')
  await s.nats('consumer edit S A --max-pending 5 --wait 1m --force')
  await s.nats('consumer edit S A --force')
  await s.nats('consumer edit S NONE --force')
  await s.nats('consumer copy S A AA --description copied')
  await s.nats('consumer next S A --count 2')
  await s.nats('consumer next S A --no-ack --raw')
  await s.nats('consumer next S A --nak --raw')
  await s.nats('consumer next S A --term --raw')
  await s.nats('consumer next S B --raw')
  await s.nats('consumer next S NONE')
  await s.nats('consumer reset S A --sequence 2 --force')
  await s.nats('consumer reset S B --force')
  await s.nats('consumer state S A')
  await s.nats('consumer pause S A 2h --force')
  await s.nats('consumer ls S')
  await s.nats('consumer resume S A --force')
  await s.nats('consumer resume S A --force')
  await s.nats('consumer unpin S A g --force')
  await s.nats('consumer graph S NONE')
  await s.nats('consumer rm S A --force')
  await s.nats('consumer rm S A --force')
})

differential('pub, sub, request and schedules by the command line', async (s) => {
  await s.nats(
    'stream add S --subjects s.> --allow-schedules --allow-msg-ttl --allow-batch --allow-direct --defaults',
  )
  await s.nats('pub s.a first -J')
  await s.nats('pub s.a second -J -H A:b -H A:c')
  await s.nats('pub s.b -J --count 3 message-{{Count}}')
  await s.nats('pub s.b -J --atomic --count 3 batch-{{Count}}')
  await s.nats('pub none -J nobody')
  await s.nats('pub s.later.1 -J --schedule-after 1h --schedule-dest s.then hello')
  await s.nats('pub s.later.2 -J --schedule-every 1h --schedule-dest s.then --schedule-ttl 1m hello')
  await s.nats(
    ['pub', 's.later.3', '-J', '--schedule-dest', 's.then', 'hello'].join(' '),
    '--schedule-cron',
    '0 0 * * * *',
  )
  await s.nats('pub s.later.4 -J --schedule-at 2040-01-01T00:00:00Z --schedule-dest s.then hello')
  await s.nats('pub s.later.5 -J --schedule-every 1ms --schedule-dest s.then hello')
  await s.natsInAnyOrder('stream subjects S --json')
  await s.natsInAnyOrder('stream get S --last-for s.later.2')
  await s.nats('sub s.> --all --terminate-at-end --raw')
  await s.nats('sub s.* --last --count 1')
  await s.nats('sub s.* --last-per-subject --terminate-at-end --subjects-only')
  await s.nats('sub s.* --start-sequence 3 --count 2 --headers-only')
  await s.nats('sub s.* --stream S --direct --all --terminate-at-end --raw')
  await s.nats('request none x --timeout 500ms')
  await s.nats('request s.a x --raw')
})
