// An HTTP service for Node: service.js FD. SIGTERM: accepts no more, answers what it has, ends.
const name = `node-${process.pid}`;
const server = require('http').createServer((request, response) => {
  response.setHeader('X-Worker', name);
  response.end(`worker ${name} pid ${process.pid}\n`);
});
server.listen({ fd: Number(process.argv[2]) });
process.on('SIGTERM', () => server.close());
