// Says to the server what it cannot read, with an unmodified socket.io-client; prints one JSON line
// with the answers.
//   INCIDENTD_TOKEN=… node odd.mjs URL TRANSPORT
import { io } from "socket.io-client";

const [url, transport] = process.argv.slice(2);
const socket = io(url, { auth: { token: process.env.INCIDENTD_TOKEN }, transports: [transport] });
const heard = [];
socket.onAny((event) => heard.push(event));
await new Promise((done) => socket.once("authenticated", done));
const event = "subscribe:incidents";
// Nobody waits for an answer to these.
socket.emit(event, Buffer.from("payments"));
socket.emit(event, { teamId: Buffer.from("payments") });
socket.emit(event, {}, {});
const ask = (...said) => socket.emitWithAck(event, ...said);
const answers = {
  buffer: await ask(Buffer.from("payments")),
  inside: await ask({ teamId: Buffer.from("payments") }),
  two: await ask({ teamId: "payments" }, { teamId: "payments" }),
  text: await ask("payments"),
  left: await socket.emitWithAck("unsubscribe:incidents", Buffer.from("x")),
  pong: await socket.emitWithAck("ping", Buffer.from("x"), 2),
};
process.stdout.write(`${JSON.stringify({ answers, heard })}\n`);
socket.disconnect();
