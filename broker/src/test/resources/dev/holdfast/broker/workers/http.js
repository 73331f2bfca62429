// A plain HTTP server for Node that never heard of a broker: http.js PORT. SIGTERM: accepts no more, answers what it has, ends.
const name = `plain-${process.pid}`;
const server = require('http').createServer((request, response) => {
  response.setHeader('X-Worker', name);
  response.end(`worker ${name} pid ${process.pid}\n`);
});
server.listen(Number(process.argv[2]), '127.0.0.1', () => console.log('listening'));
process.on('SIGTERM', () => server.close());
