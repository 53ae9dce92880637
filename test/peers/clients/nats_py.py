"""What nats-py sees of a server: asserts as it goes, and prints one JSON object: what passed, what was refused.

Usage: nats_py.py URL
"""

import asyncio
import io
import json
import os
import sys

import nats
from nats.errors import NoRespondersError, TimeoutError as NatsTimeout
from nats.js import api, errors


async def core(nc):
    await draining(nc)
    sub = await nc.subscribe("py.>")
    await nc.publish("py.one", b"first")
    await nc.publish("py.two", b"second", headers={"A": "b"})
    first, second = await sub.next_msg(2), await sub.next_msg(2)
    assert (first.subject, first.data, first.headers) == ("py.one", b"first", None)
    assert (second.data, second.headers) == (b"second", {"A": "b"})
    await sub.unsubscribe()

    async def answer(message):
        await message.respond(b"re: " + message.data)

    await nc.subscribe("service", "workers", cb=answer)
    replies = await asyncio.gather(*(nc.request("service", b"%d" % i, timeout=5) for i in range(50)))
    assert [each.data for each in replies] == [b"re: %d" % i for i in range(50)]
    await raises(NoRespondersError, nc.request("nobody", b"", timeout=2))


async def draining(nc):
    """A drained connection has had everything that was sent to it before."""
    got = []

    async def keep(message):
        got.append(message.data)

    other = await nats.connect(nc.connected_url.geturl(), allow_reconnect=False, drain_timeout=5)
    await other.subscribe("drained", cb=keep)
    await other.flush()
    for i in range(200):
        await nc.publish("drained", b"%d" % i)
    await nc.flush()
    await other.drain()
    assert other.is_closed
    assert got == [b"%d" % i for i in range(200)]


async def publishing(js, _):
    await js.add_stream(name="PY", subjects=["js.*"])
    ack = await js.publish("js.a", b"0", headers={"Nats-Msg-Id": "one"})
    assert (ack.stream, ack.seq, ack.duplicate) == ("PY", 1, None)
    again = await js.publish("js.a", b"0", headers={"Nats-Msg-Id": "one"})
    assert (again.seq, again.duplicate) == (1, True)
    futures = [await js.publish_async("js.b", b"%d" % i) for i in range(1, 500)]
    acks = await asyncio.gather(*futures)
    assert [each.seq for each in acks] == list(range(2, 501))
    wrong = {"Nats-Expected-Last-Sequence": "7"}
    error = await raises(errors.BadRequestError, js.publish("js.a", b"", headers=wrong))
    assert error.err_code == 10071, error
    await raises(errors.NoStreamResponseError, js.publish("nowhere", b"", timeout=1))
    state = (await js.stream_info("PY", subjects_filter=">")).state
    assert (state.messages, state.last_seq) == (500, 500)
    assert state.subjects == {"js.a": 1, "js.b": 499}
    assert (await js.get_msg("PY", seq=10)).data == b"9"
    assert (await js.get_last_msg("PY", "js.b")).seq == 500
    error = await raises(errors.NotFoundError, js.get_msg("PY", seq=9999))
    assert error.err_code == 10037, error
    error = await raises(errors.NotFoundError, js.stream_info("MISSING"))
    assert error.err_code == 10059, error


async def pull(js, _):
    sub = await js.pull_subscribe("js.*", durable="puller", stream="PY")
    got = []
    while len(got) < 500:
        for message in await sub.fetch(100, timeout=5):
            got.append(message.data)
            await message.ack()
    assert got == [b"%d" % i for i in range(500)]
    await raises(NatsTimeout, sub.fetch(1, timeout=0.3))
    info = await sub.consumer_info()
    assert (info.num_pending, info.delivered.stream_seq) == (0, 500)
    await js.publish("js.a", b"again")
    (message,) = await sub.fetch(1, timeout=2)
    await message.in_progress()
    await message.nak()
    (message,) = await sub.fetch(1, timeout=2)
    assert (message.data, message.metadata.num_delivered) == (b"again", 2)
    await message.ack_sync()
    info = await sub.consumer_info()
    assert (info.num_ack_pending, info.ack_floor.stream_seq) == (0, 501)
    await js.publish("js.a", b"never")
    (message,) = await sub.fetch(1, timeout=2)
    await message.term()
    await raises(NatsTimeout, sub.fetch(1, timeout=0.3))
    assert await js.delete_consumer("PY", "puller")


async def push(js, _):
    sub = await js.subscribe("js.b", durable="pusher", stream="PY", manual_ack=True)
    for i in range(1, 500):
        message = await sub.next_msg(5)
        assert message.data == b"%d" % i
        await message.ack()
    await sub.unsubscribe()
    config = api.ConsumerConfig(deliver_policy=api.DeliverPolicy.LAST_PER_SUBJECT)
    last = await js.subscribe("js.*", stream="PY", config=config)
    subjects = [(await last.next_msg(2)).subject for _ in range(2)]
    assert subjects == ["js.b", "js.a"], subjects
    await last.unsubscribe()


async def ordered(js, _):
    sub = await js.subscribe("js.*", stream="PY", ordered_consumer=True)
    sequences = [(await sub.next_msg(5)).metadata.sequence.stream for _ in range(502)]
    assert sequences == list(range(1, 503))
    await sub.unsubscribe()


async def managing(js, _):
    assert await js.delete_msg("PY", 5)
    assert await js.purge_stream("PY", subject="js.b", keep=10)
    assert (await js.stream_info("PY")).state.messages == 13
    assert await js.find_stream_name_by_subject("js.x") == "PY"
    error = await raises(errors.BadRequestError, js.add_stream(name="PY", subjects=["other"]))
    assert error.err_code == 10058, error
    assert await js.purge_stream("PY")
    assert await js.delete_stream("PY")


async def key_value(js, refused):
    kv = await js.create_key_value(bucket="PYKV", history=5)
    assert await kv.put("a", b"1") == 1
    assert await kv.create("b", b"1") == 2
    await raises(errors.KeyWrongLastSequenceError, kv.create("b", b"2"))
    assert await kv.update("b", b"2", last=2) == 3
    await raises(errors.KeyWrongLastSequenceError, kv.update("b", b"3", last=2))
    entry = await kv.get("b")
    assert (entry.value, entry.revision) == (b"2", 3)
    assert (await kv.get("b", revision=2)).value == b"1"
    assert [each.value for each in await kv.history("b")] == [b"1", b"2"]
    watcher = await kv.watchall()
    seen = [await watcher.updates(timeout=2) for _ in range(3)]
    assert [each and each.key for each in seen] == ["a", "b", None]
    await kv.put("c", b"new")
    update = await watcher.updates(timeout=2)
    assert (update.key, update.value) == ("c", b"new")
    await kv.delete("a")
    assert (await watcher.updates(timeout=2)).operation == "DEL"
    await watcher.stop()
    assert (await raises(errors.KeyNotFoundError, kv.get("a"))).op == "DEL"
    assert (await raises(errors.KeyNotFoundError, kv.get("none"))).op is None
    assert sorted(await kv.keys()) == ["b", "c"]
    assert await kv.create("a", b"back") == 6
    await kv.purge("b")
    assert [each.operation for each in await kv.history("b")] == ["PURGE"]
    assert (await kv.status()).values == 5
    assert await js.delete_key_value("PYKV")


async def object_store(js, _):
    store = await js.create_object_store("PYOBJ")
    data = os.urandom(3_000_000)
    info = await store.put("big", io.BytesIO(data))
    assert info.size == len(data)
    assert (await store.get("big")).data == data
    await store.put("small", b"tiny")
    assert (await store.get("small")).data == b"tiny"
    assert sorted(each.name for each in await store.list()) == ["big", "small"]
    await store.delete("big")
    await raises(errors.ObjectNotFoundError, store.get("big"))
    assert [each.name for each in await store.list(ignore_deletes=True)] == ["small"]
    assert (await store.status()).size < 10_000
    assert await js.delete_object_store("PYOBJ")


async def raises(kind, awaitable):
    try:
        result = await awaitable
    except kind as error:
        return error
    raise AssertionError(f"{kind.__name__} was expected, {result!r} came")


async def main(url):
    nc = await nats.connect(url, allow_reconnect=False)
    js = nc.jetstream(timeout=5)
    passed = []
    refused = []
    try:
        await core(nc)
        passed.append("core")
        for part in (publishing, pull, push, ordered, managing, key_value, object_store):
            await asyncio.wait_for(part(js, refused), 30)
            passed.append(part.__name__)
    finally:
        print(json.dumps({"passed": passed, "refused": refused}), flush=True)
        await nc.close()


asyncio.run(main(sys.argv[1]))
