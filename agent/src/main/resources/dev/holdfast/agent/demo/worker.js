// A worker that knows LISTEN_FDS' convention and nothing else: the listener is descriptor 3.
// Arguments: its name, and the file where it writes down whom it accepted.
'use strict';
const fs = require('fs');
const http = require('http');

const [name, logPath] = process.argv.slice(2);
const log = fs.openSync(logPath, 'a', 0o600);
const body = `worker ${name} pid ${process.pid}\n`;

const server = http.createServer((request, response) => {
  response.writeHead(200, {
    'X-Worker': name,
    'Content-Length': body.length,
    Connection: 'close',
  });
  response.end(body);
});
server.on('connection', (client) => {
  const peer = `${client.remoteAddress}:${client.remotePort}\n`;
  fs.writeSync(log, '+ ' + peer);
  client.on('close', () => fs.writeSync(log, '- ' + peer));
});
server.listen({ fd: 3 });
