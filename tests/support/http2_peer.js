// An HTTP/2 server on loopback that says "port N" and then a line of JSON for each request; it speaks nothing older. usage: node http2_peer.js CERT KEY
const fs = require('fs'), http2 = require('http2');
let sessions = 0;
const server = http2.createSecureServer({cert: fs.readFileSync(process.argv[2]), key: fs.readFileSync(process.argv[3]), allowHTTP1: false});
server.on('session', () => sessions++);
server.on('stream', (stream, headers) => {
    let body = '';
    stream.on('data', (chunk) => (body += chunk));
    stream.on('end', () => {
        console.log(JSON.stringify({path: headers[':path'], method: headers[':method'], key: headers['x-api-key'], agent: headers['user-agent'], body, sessions}));
        setTimeout(() => { stream.respond({':status': 200}); stream.end(); }, 50);
    });
});
server.listen(0, '127.0.0.1', () => console.log('port ' + server.address().port));
process.stdin.on('end', () => process.exit(0)).resume();
