"""Sends one job to ticketd, waits for its outcome, and exits 0 only if it succeeded.

python producer.py [JOB.json [KIND]]
"""

import asyncio
import json
import logging
import os
import secrets
import sys
import uuid
from pathlib import Path
from urllib.parse import unquote, urlsplit

import aio_pika
from aio_pika.abc import AbstractQueue
from aio_pika.exceptions import AMQPError, DeliveryError, PublishError

URL = os.environ.get("TICKETD_BROKER__URL", "amqp://guest:guest@127.0.0.1:5672/%2f")
EXCHANGE = os.environ.get("TICKETD_BROKER__PREFIX", "ticketd") + ".jobs"

JOB = b"""
{ "operation": "dms.CreateOrder",
  "params": { "Comment": "close stale carts", "PluginType": "DC_CHUNK", "PluginParam": {
    "execSQL": "delete from carts where seen < '2026-01-01'",
    "dbItemList": [{ "dbId": 1860, "logic": false }] } } }
"""


async def outcome_of(body: bytes, kind: str) -> dict:
    job = json.loads(body)
    # A job without an id uses the message_id.
    job_id = (isinstance(job, dict) and job.get("id")) or f"example-{uuid.uuid4()}"

    async with await aio_pika.connect(URL) as connection:
        channel = await connection.channel(publisher_confirms=True, on_return_raises=True)
        # An exclusive queue named by the broker, deleted with the connection. A missed outcome is not
        # lost: the same job, sent again, gets the same outcome again.
        replies = await channel.declare_queue(exclusive=True)
        message = aio_pika.Message(
            body,
            content_type="application/json",
            delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
            message_id=str(job_id),
            correlation_id=uuid.uuid4().hex,
            reply_to=replies.name,
            # The broker accepts only the name of the logged-in user.
            user_id=unquote(urlsplit(URL).username or "guest"),
            headers={"traceparent": f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"},
        )
        exchange = await channel.get_exchange(EXCHANGE, ensure=False)
        try:
            await exchange.publish(message, routing_key=kind, mandatory=True)
        except PublishError as error:
            raise RuntimeError(f"no queue takes {kind} jobs from {EXCHANGE}") from error
        except DeliveryError as error:
            raise RuntimeError("the broker refused the job: send it again later") from error
        print(f"sent {job_id} ({kind})", flush=True)
        return await reply(replies, message.correlation_id)


async def reply(queue: AbstractQueue, correlation_id: str) -> dict:
    seen = set()
    async with queue.iterator() as messages:
        async for message in messages:
            async with message.process():
                event = json.loads(message.body)
            # An event may arrive twice, always with the same id.
            if event["id"] in seen:
                continue
            seen.add(event["id"])
            if message.correlation_id == correlation_id:
                return event
    raise RuntimeError("the reply queue was taken away: send the job again")


async def main() -> bool:
    body = Path(sys.argv[1]).read_bytes() if len(sys.argv) > 1 else JOB
    kind = sys.argv[2] if len(sys.argv) > 2 else "create"
    seconds = float(os.environ.get("TIME_LIMIT", "60"))
    try:
        async with asyncio.timeout(seconds):
            event = await outcome_of(body, kind)
    except TimeoutError as error:
        late = f"no outcome within {seconds:g} s; to hear of it later, send it again"
        raise RuntimeError(late) from error
    data = event["data"]
    print(f"{data['state']} (event {event['id']})")
    error = data.get("error")
    print(f"{error['message']} {error['advice']}" if error else json.dumps(data.get("result")))
    return data["state"] == "succeeded"


if __name__ == "__main__":
    # The library raises what it would log.
    logging.basicConfig(level=logging.CRITICAL)
    try:
        sys.exit(0 if asyncio.run(main()) else 1)
    except (AMQPError, OSError, RuntimeError, ValueError) as error:
        sys.exit(f"producer: {error}")
