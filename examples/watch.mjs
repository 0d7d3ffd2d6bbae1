// Prints moves for as long as it runs, whatever happens to the server or the connection.
//
//     npm install @grpc/grpc-js @grpc/proto-loader
//     node examples/watch.mjs 127.0.0.1:7171 snapshot
//
// The second argument is where to start: now (default), earliest or snapshot. PAWL_PROTO names the
// directory of the contract, if it is not ../proto. PAWL_CA_FILE and PAWL_TOKEN_FILE name the authority
// of a server that speaks TLS, and what it gave out: the same as for `pawl watch`.

import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import grpc from "@grpc/grpc-js";
import loader from "@grpc/proto-loader";

const HEARTBEAT_S = 15;
// Two heartbeats and a little: when nothing came for so long, the connection is dead.
const SILENCE_MS = (2 * HEARTBEAT_S + 2) * 1000;
const PAUSE_MS = 100;
const PAUSE_MAX_MS = 5000;
// Trying again would be answered in the same way.
const { status } = grpc;
const FINAL = new Set([
  status.INVALID_ARGUMENT,
  status.FAILED_PRECONDITION,
  status.OUT_OF_RANGE,
  status.NOT_FOUND,
  status.UNAUTHENTICATED,
  status.PERMISSION_DENIED,
  status.UNIMPLEMENTED,
]);

// Who calls, if there is something to say. Read for each attempt: it may be another token by now.
function credentials() {
  const { PAWL_CA_FILE: authority, PAWL_TOKEN_FILE: token } = process.env;
  if (!authority) return grpc.credentials.createInsecure();
  const secured = grpc.credentials.createSsl(readFileSync(authority));
  if (!token) return secured;
  const metadata = new grpc.Metadata();
  metadata.set("authorization", `Bearer ${readFileSync(token, "utf8").trim()}`);
  const bearer = grpc.credentials.createFromMetadataGenerator((_, tell) => tell(null, metadata));
  return grpc.credentials.combineChannelCredentials(secured, bearer);
}

const proto = process.env.PAWL_PROTO ?? fileURLToPath(new URL("../proto", import.meta.url));
const definition = loader.loadSync("pawl/v1/move_service.proto", {
  includeDirs: [proto],
  keepCase: true,
  longs: String,
  enums: String,
  oneofs: true,
});
const { MoveService } = grpc.loadPackageDefinition(definition).pawl.v1;

const [address = "127.0.0.1:7171", start = "now"] = process.argv.slice(2);
if (!["now", "earliest", "snapshot"].includes(start)) {
  console.error(`error: start with now, earliest or snapshot, not ${start}`);
  process.exit(1);
}
let token = null;
let pauseMs = PAUSE_MS;

function show(frame) {
  if (frame.frame === "started") {
    console.error("watching");
    if (start === "snapshot" && !token) {
      console.error("the snapshot begins: forget what came of an earlier one");
    }
    return;
  }
  pauseMs = PAUSE_MS;
  if (frame.frame === "entity") {
    console.log(`${frame.entity.entity_id} on ${frame.entity.stage_id}`);
  } else if (frame.frame === "move") {
    const { entity_id, from_stage_id, to_stage_id } = frame.move;
    console.log(`${entity_id} ${from_stage_id} -> ${to_stage_id}`);
  }
}

// Watches until the call ends, and resolves to the error with which it did.
function watchOnce() {
  // A connection of its own for each attempt, not one that the library gave up or that is dead.
  const options = { "grpc.use_local_subchannel_pool": 1 };
  const client = new MoveService(address, credentials(), options);
  const request = { heartbeat_interval: { seconds: HEARTBEAT_S } };
  // Until there is a token, the start is asked for again.
  request[token ? "resume_token" : start] = token ?? {};
  return new Promise((resolve) => {
    const call = client.WatchMoves(request);
    const finish = (error) => {
      clearTimeout(timer);
      client.close();
      resolve(error);
    };
    const silent = () => {
      finish({ code: status.CANCELLED, details: `nothing was heard for ${SILENCE_MS / 1000} s` });
      call.cancel();
    };
    let timer = setTimeout(silent, SILENCE_MS);
    call.on("data", ({ frames }) => {
      clearTimeout(timer);
      timer = setTimeout(silent, SILENCE_MS);
      for (const frame of frames) {
        show(frame);
        // Only after it was shown. A program that keeps it can go on from here later.
        if (frame.resume_token?.length > 0) token = frame.resume_token;
      }
    });
    call.on("error", finish);
    // The server never ends a watch with OK.
    call.on("end", () => finish({ code: status.UNKNOWN, details: "the stream was ended" }));
  });
}

for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => process.exit(0));

for (;;) {
  const { code, details } = await watchOnce();
  if (FINAL.has(code)) {
    console.error(`error: ${details} (${status[code]})`);
    process.exit(1);
  }
  const pause = pauseMs * (1 + Math.random());
  pauseMs = Math.min(2 * pauseMs, PAUSE_MAX_MS);
  console.error(`interrupted: ${details}; trying again in ${(pause / 1000).toFixed(1)} s`);
  await sleep(pause);
}
