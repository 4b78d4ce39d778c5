"""A stand-in for Kubernetes' API server: HTTPS, who asks is checked, and secrets of one type can be listed in pages and watched.

    api-server.py PORT CERTIFICATE KEY CLIENT-CERTIFICATE TOKEN-FILE DIRECTORY

Secrets are the files NAMESPACE__NAME.json of the directory, each a docker configuration; they are looked at all the time. A file called
`compact` is removed, and with it all history: watches end, and one from before is told that it is too old.
"""
import base64, http.server, json, os, ssl, sys, threading, time, urllib.parse

port, certificate, key, client, token, directory = sys.argv[1:]
TYPE = "kubernetes.io/dockerconfigjson"
lock = threading.Condition()
version, oldest, secrets, history = 1, 1, {}, []


def secret(name, text, at):
    namespace, name = name.split("__")
    return {"kind": "Secret", "type": TYPE, "metadata": {"namespace": namespace, "name": name, "resourceVersion": str(at)},
            "data": {".dockerconfigjson": base64.b64encode(text.encode()).decode()}}


def look():
    global version, oldest
    while True:
        with lock:
            now = {n[:-5]: open(os.path.join(directory, n)).read() for n in os.listdir(directory) if n.endswith(".json")}
            for name in sorted(now.keys() | secrets.keys()):
                if now.get(name) == secrets.get(name): continue
                version += 1
                kind = "DELETED" if name not in now else "MODIFIED" if name in secrets else "ADDED"
                history.append((version, {"type": kind, "object": secret(name, now.get(name, secrets.get(name)), version)}))
            secrets.clear()
            secrets.update(now)
            if os.path.exists(os.path.join(directory, "compact")):
                version += 1
                oldest = version
                history.clear()
                os.remove(os.path.join(directory, "compact"))
            lock.notify_all()
        time.sleep(0.02)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        url = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(url.query))
        if not self.connection.getpeercert() and self.headers.get("Authorization") != "Bearer " + open(token).read(): return self.answer(401, {})
        if url.path != "/api/v1/secrets" or query.get("fieldSelector") != "type=" + TYPE: return self.answer(403, {})
        if "watch" in query: return self.watch(int(query["resourceVersion"]))
        with lock:
            names, first = sorted(secrets), int(query.get("continue", 0))
            # Pages of one, however many are wanted.
            last = first + 1
            metadata = {"resourceVersion": str(version)} | ({"continue": str(last)} if last < len(names) else {})
            items = [secret(name, secrets[name], version) for name in names[first:last]]
        self.answer(200, {"kind": "SecretList", "metadata": metadata, "items": items})

    def answer(self, status, body):
        body = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def watch(self, since):
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        first = oldest
        if since < oldest: self.event({"type": "ERROR", "object": {"kind": "Status", "code": 410, "message": "too old"}})
        self.event({"type": "BOOKMARK", "object": {"kind": "Secret", "metadata": {"resourceVersion": str(max(since, oldest))}}})
        while since >= oldest and first == oldest:
            with lock:
                lock.wait(1)
                new = [(at, event) for at, event in history if at > since]
            for since, event in new: self.event(event)
        self.wfile.write(b"0\r\n\r\n")

    def event(self, event):
        line = json.dumps(event).encode() + b"\n"
        # In two pieces: lines need not come whole.
        for piece in (line[:7], line[7:]): self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))

    def log_message(self, *arguments): pass


threading.Thread(target=look, daemon=True).start()
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(certificate, key)
context.verify_mode = ssl.CERT_OPTIONAL
context.load_verify_locations(client)
server = http.server.ThreadingHTTPServer(("127.0.0.1", int(port)), Handler)
server.daemon_threads = True
server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()
