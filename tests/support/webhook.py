"""A webhook on loopback, with TLS or without, for tests of API destinations: it records requests and answers by a script. Also an OAuth server."""
import http.server, json, os, ssl, subprocess, tempfile, threading, urllib.parse


def certificate(directory):
    """A self-signed certificate for 127.0.0.1 and localhost: (certificate, key) files."""
    cert, key = os.path.join(directory, "peer.pem"), os.path.join(directory, "peer.key")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                    "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", key, "-out", cert], check=True, capture_output=True)
    return cert, key


class Webhook:
    """`script` of a path: a list of answers (status, headers, body), the last one for good; an answer may be a function of the request."""

    def __init__(self, tls=None):
        hook = self
        self.requests, self.scripts, self.lock, self.changed = [], {}, threading.Lock(), threading.Condition()

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def serve(self):
                length = int(self.headers.get("Content-Length") or 0)
                request = {"method": self.command, "path": self.path, "headers": dict(self.headers.items()), "body": self.rfile.read(length).decode(),
                           "peer": self.client_address[1]}
                with hook.changed:
                    hook.requests.append(request)
                    script = hook.scripts.get(urllib.parse.urlsplit(self.path).path, [(200, {}, "")])
                    answer = script.pop(0) if len(script) > 1 else script[0]
                    hook.changed.notify_all()
                if callable(answer):
                    answer = answer(request)
                status, headers, body = answer
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body.encode())

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = serve

            def log_message(self, *arguments):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request, address):
                pass  # a client that does not trust our certificate

        self.server = Server(("127.0.0.1", 0), Handler)
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*tls)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        self.port = self.server.server_address[1]
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05})
        self.thread.start()

    def close(self):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

    def wait(self, count, path=None, seconds=30):
        """The requests (of a path), once there are that many."""
        def those():
            return [r for r in self.requests if path is None or urllib.parse.urlsplit(r["path"]).path == path]
        with self.changed:
            if not self.changed.wait_for(lambda: len(those()) >= count, seconds):
                raise AssertionError(f"{len(those())} of {count} requests for {path} within {seconds} s: {self.requests}")
            return those()
