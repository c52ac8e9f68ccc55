// Watches a team with an unmodified socket.io-client and prints one JSON line an event.
//   INCIDENTD_TOKEN=… node watch.mjs URL TEAM [TRANSPORT,…]
import { io } from "socket.io-client";

const [url, teamId, transports] = process.argv.slice(2);
const options = { auth: { token: process.env.INCIDENTD_TOKEN }, reconnectionDelay: 100 };
if (transports) options.transports = transports.split(",");
const socket = io(url, options);

const say = (event, data) => process.stdout.write(`${JSON.stringify({ event, data })}\n`);

// What was seen last; a new connection asks for what came after it.
let cursor;
// Before the join, only events about this very person arrive: they must not move the cursor.
let joined = false;

function subscribe() {
  socket.emit("subscribe:incidents", { teamId, after: cursor }, (ack) => {
    if (ack.ok) {
      for (const event of ack.events ?? []) {
        cursor = event.seq;
        say(event.type, event);
      }
      if (ack.more) return subscribe();
      cursor = ack.head;
      joined = true;
    }
    say("subscribed", ack);
  });
}

socket.io.on("open", () => {
  const { engine } = socket.io;
  say("open", { transport: engine.transport.name });
  engine.on("upgrade", (transport) => say("upgrade", { transport: transport.name }));
});
socket.on("connect", () => {
  joined = false;
  subscribe();
});
socket.on("disconnect", (reason) => say("disconnect", { reason }));
// An outage ends in several of these before the server is back; only the first word counts.
socket.on("connect_error", ({ message }) => {
  if (!socket.active) say("connect_error", { message });
});
socket.onAny((event, data) => {
  if (joined && event.startsWith("incident:")) cursor = data.seq;
  say(event, data);
});
