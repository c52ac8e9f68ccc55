// The peer of the fan-out bench: socket.io on Node, doing what incidentd's live side does.
// Arguments: a folder whose node_modules hold socket.io, the token to accept, a file with an event.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';

const [folder, token, file] = process.argv.slice(2);
const { Server } = createRequire(`${folder}/`)('socket.io');
const [name, event] = JSON.parse(readFileSync(file, 'utf8'));
const hash = (text) => createHash('sha256').update(text).digest('hex');
const users = new Map([[hash(token), { id: 1, username: 'bench' }]]);

const http = createServer((request, response) => {
  let body = '';
  request.on('data', (chunk) => (body += chunk));
  request.on('end', () => {
    const { count } = JSON.parse(body);
    for (let n = 0; n < count; n += 1) {
      event.seq += 1;
      io.to('team:1').emit(name, event);
    }
    response.writeHead(202, { 'content-length': 0 }).end();
  });
});
http.keepAliveTimeout = 0;

const io = new Server(http, { transports: ['websocket'], serveClient: false });
io.use((socket, next) => {
  const user = users.get(hash(String(socket.handshake.auth.token)));
  if (!user) return next(new Error('Authentication failed'));
  socket.data.user = user;
  next();
});
io.on('connection', (socket) => {
  socket.emit('authenticated', { user: socket.data.user, head: event.seq, now: new Date() });
  socket.on('subscribe:incidents', (_, ack) => {
    socket.join('team:1');
    ack({ ok: true, rooms: ['team:1'], head: event.seq, events: [], more: false });
  });
});
http.listen(0, '127.0.0.1', () => {
  console.error(`listening on http://127.0.0.1:${http.address().port}`);
});
