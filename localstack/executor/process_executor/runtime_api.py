"""The Lambda runtime API, as one function's process uses it.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

import queue
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

NEXT = "/2018-06-01/runtime/invocation/next"
ANSWER = re.compile(r"/2018-06-01/runtime/invocation/([^/]+)/(response|error)")
INIT_ERROR = "/2018-06-01/runtime/init/error"


class RuntimeApi:
    """Serves the runtime API on a free loopback port, to one process at a time."""

    def __init__(self):
        self._events = queue.Queue()
        self.answers = queue.Queue()  # of (request id, body, whether it is an error)
        self.ready = threading.Event()  # the process asked for an event, or gave up
        self.init_error = None
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler_of(self))
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def address(self):
        return "127.0.0.1:%d" % self._server.server_port

    def expect_process(self):
        """Forgets what the process before this one left."""
        self.ready.clear()
        self.init_error = None
        self._events = queue.Queue()  # a dead process's request waits on the old one
        while not self.answers.empty():
            self.answers.get_nowait()

    def send(self, event):
        self._events.put(event)

    def next(self, alive):
        """Returns the next event, or None where the process is not alive."""
        events = self._events
        self.ready.set()
        while alive():
            try:
                return events.get(timeout=1)
            except queue.Empty:
                if events is not self._events:
                    return None
        return None

    def close(self):
        self._events = queue.Queue()
        self._server.shutdown()
        self._server.server_close()


def _handler_of(api):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = 1 << 16  # headers and body in one packet

        def log_message(self, *args):
            pass

        def do_GET(self):
            if self.path != NEXT:
                return self._reply(404)
            event = api.next(alive=lambda: not self.wfile.closed)
            if event is None:
                self.close_connection = True
                return None
            return self._reply(200, event["payload"].encode(), {
                "Content-Type": "application/json",
                "Lambda-Runtime-Aws-Request-Id": event["invoke-id"],
                "Lambda-Runtime-Deadline-Ms": str(event["deadline"]),
                "Lambda-Runtime-Invoked-Function-Arn": event["invoked-function-arn"],
                "Lambda-Runtime-Trace-Id": event.get("trace-id") or "",
            })

        def do_POST(self):
            body = self._body()
            if answer := ANSWER.fullmatch(self.path):
                api.answers.put((answer[1], body, answer[2] == "error"))
            elif self.path == INIT_ERROR:
                api.init_error = body
                api.ready.set()
            else:
                return self._reply(404)
            return self._reply(202, b'{"status":"OK"}')

        def _body(self):
            if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
                return self.rfile.read(int(self.headers.get("Content-Length") or 0))
            chunks = []
            while size := int(self.rfile.readline().split(b";")[0], 16):
                chunks.append(self.rfile.read(size))
                self.rfile.readline()
            while self.rfile.readline().strip():
                pass  # trailers
            return b"".join(chunks)

        def _reply(self, status, body=b"", headers={}):
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            self.wfile.flush()

    return Handler
