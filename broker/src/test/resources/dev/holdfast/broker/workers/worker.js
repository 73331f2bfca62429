// A worker for Node: worker.js NAME FD [LOG]; see worker.py.
const fs = require('fs');
const [name, fd, path] = process.argv.slice(2);
const log = path && fs.openSync(path, 'a');
const server = require('http').createServer((request, response) => {
  response.setHeader('X-Worker', name);
  response.setHeader('Connection', 'close');
  response.end(`worker ${name} pid ${process.pid}\n`);
});
if (log) {
  server.on('connection', (socket) =>
    fs.writeSync(log, `${socket.remoteAddress}:${socket.remotePort} ${Date.now() * 1000}\n`));
}
server.listen({ fd: Number(fd) });
process.on('SIGTERM', () => server.close(() => process.exit(0)));
