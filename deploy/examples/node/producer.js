// Sends one job to ticketd, waits for its outcome, and exits 0 only if it succeeded:
//
//   node producer.js [JOB.json [KIND]]

import { randomBytes, randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import amqp from "amqplib";

const BROKER = process.env.TICKETD_BROKER__URL ?? "amqp://guest:guest@127.0.0.1:5672/%2f";
const EXCHANGE = `${process.env.TICKETD_BROKER__PREFIX ?? "ticketd"}.jobs`;
const TIME_LIMIT = Number(process.env.TIME_LIMIT ?? 60);

const JOB = `
{ "operation": "dms.CreateOrder",
  "params": { "Comment": "close stale carts", "PluginType": "DC_CHUNK", "PluginParam": {
    "execSQL": "delete from carts where seen < '2026-01-01'",
    "dbItemList": [{ "dbId": 1860, "logic": false }] } } }
`;

async function outcomeOf(body, kind) {
  // A job without an id uses the message_id.
  const id = String(JSON.parse(body)?.id ?? `example-${randomUUID()}`);
  const correlationId = randomUUID();

  const connection = await amqp.connect(BROKER);
  try {
    const channel = await connection.createConfirmChannel();
    const broken = new Promise((_, reject) => {
      for (const side of [connection, channel]) {
        side.on("error", reject);
        side.on("close", () => reject(new Error("the connection was lost: send the job again")));
      }
      channel.on("return", () => reject(new Error(`no queue takes ${kind} jobs from ${EXCHANGE}`)));
    });
    // An exclusive queue named by the broker, deleted with the connection. A missed outcome is not
    // lost: the same job, sent again, gets the same outcome again.
    const { queue } = await channel.assertQueue("", { exclusive: true });
    const outcome = reply(channel, queue, correlationId);
    const sent = publish(channel, kind, body, {
      contentType: "application/json",
      persistent: true,
      mandatory: true,
      messageId: id,
      correlationId,
      replyTo: queue,
      // The broker accepts only the name of the logged-in user.
      userId: decodeURIComponent(new URL(BROKER).username || "guest"),
      headers: { traceparent: `00-${random(16)}-${random(8)}-01` },
    });
    await Promise.race([sent, broken]);
    console.log(`sent ${id} (${kind})`);
    return await Promise.race([outcome, broken]);
  } finally {
    // After an error the connection is already closed; report that error.
    await connection.close().catch(() => {});
  }
}

// The bytes are sent unchanged: JSON.stringify would round long ids.
function publish(channel, kind, body, options) {
  return new Promise((resolve, reject) => {
    channel.publish(EXCHANGE, kind, Buffer.from(body), options, (refused) =>
      refused ? reject(new Error("the broker refused the job: send it again later")) : resolve(),
    );
  });
}

function reply(channel, queue, correlationId) {
  const seen = new Set();
  return new Promise((resolve, reject) => {
    const take = (message) => {
      if (!message) return reject(new Error("the reply queue was taken away: send the job again"));
      const event = JSON.parse(message.content);
      // An event may arrive twice, always with the same id.
      if (seen.has(event.id)) return;
      seen.add(event.id);
      if (message.properties.correlationId === correlationId) resolve(event);
    };
    channel.consume(queue, take, { noAck: true }).catch(reject);
  });
}

function random(bytes) {
  return randomBytes(bytes).toString("hex");
}

async function timeLimit() {
  await delay(TIME_LIMIT * 1000);
  throw new Error(`no outcome within ${TIME_LIMIT} s; to hear of it later, send it again`);
}

try {
  const [, , file, kind = "create"] = process.argv;
  const body = file ? readFileSync(file) : JOB;
  const { id, data } = await Promise.race([outcomeOf(body, kind), timeLimit()]);
  console.log(`${data.state} (event ${id})`);
  const { error, result } = data;
  console.log(error ? `${error.message} ${error.advice}` : JSON.stringify(result));
  process.exit(data.state === "succeeded" ? 0 : 1);
} catch (error) {
  console.error(`producer: ${error.message}`);
  process.exit(1);
}
