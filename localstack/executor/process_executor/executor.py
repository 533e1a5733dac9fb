"""LocalStack's RuntimeExecutor, one process for each environment."""

import json
import os
import queue
import subprocess
import threading
import time

from localstack import config
from localstack.services.lambda_.invocation.lambda_models import InvocationResult
from localstack.services.lambda_.invocation.runtime_executor import LambdaRuntimeException, RuntimeExecutor

from process_executor.runtime_api import RuntimeApi

INIT_SECONDS = 10  # Lambda's own limit of the init phase


class ProcessExecutor(RuntimeExecutor):
    def __init__(self, id, function_version):
        super().__init__(id, function_version)
        self._environment = {}
        self._process = None
        self._api = None
        self._log = []
        self._log_lock = threading.Lock()

    # The life of an environment.

    def start(self, env_vars):
        self._environment = {name: str(value) for name, value in env_vars.items()}
        self._api = RuntimeApi()
        self._start_process()

    def stop(self):
        self._kill()
        if self._api:
            self._api.close()

    def _start_process(self):
        code = str(self.function_version.config.code.get_unzipped_code_location())
        program = os.path.join(code, "bootstrap")
        os.chmod(program, 0o755)
        self._api.expect_process()
        self._process = subprocess.Popen(
            [program],
            cwd=code,
            env=self._environment | {
                "AWS_LAMBDA_RUNTIME_API": self._api.address,
                "LAMBDA_TASK_ROOT": code,
                "PATH": "/usr/local/bin:/usr/bin:/bin",
                "TZ": "UTC",
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        threading.Thread(target=self._read_log, args=(self._process.stdout,), daemon=True).start()
        self._wait_ready()

    def _wait_ready(self):
        end = time.monotonic() + INIT_SECONDS
        while not self._api.ready.wait(0.05):
            if self._ended():
                raise LambdaRuntimeException(f"exit status {self._process.returncode} during init: {self.get_logs()[-2000:]}")
            if time.monotonic() > end:
                self._kill()
                raise LambdaRuntimeException(f"not ready after {INIT_SECONDS} s")
        if self._api.init_error:
            raise LambdaRuntimeException(f"init error: {self._api.init_error!r}")

    def _ended(self):
        return self._process is None or self._process.poll() is not None

    def _kill(self):
        process, self._process = self._process, None
        if process:
            process.kill()
            process.wait()

    # Invocations, one at a time.

    def invoke(self, payload):
        began, request = time.monotonic(), payload["invoke-id"]
        timeout = self.function_version.config.timeout
        with self._log_lock:
            self._log.clear()
        try:
            if self._ended():
                self._start_process()
        except LambdaRuntimeException as e:
            return self._failure(request, began, "Runtime.ExitError", str(e))
        self._api.send({**payload, "deadline": int((time.time() + timeout) * 1000)})
        while time.monotonic() < began + timeout:
            try:
                answered, body, is_error = self._api.answers.get(timeout=0.05)
            except queue.Empty:
                if self._ended():
                    return self._failure(request, began, "Runtime.ExitError", f"exit status {self._process.returncode}")
                continue
            if answered == request:
                return InvocationResult(request, body, is_error=is_error, logs=self._report(request, began))
        self._kill()
        return self._failure(request, began, "Sandbox.Timedout", f"Task timed out after {timeout:.2f} seconds")

    def _failure(self, request, began, kind, message):
        body = json.dumps({"errorType": kind, "errorMessage": f"RequestId: {request} Error: {message}"}).encode()
        return InvocationResult(request, body, is_error=True, logs=self._report(request, began))

    def _report(self, request, began):
        milliseconds = (time.monotonic() - began) * 1000
        return (
            f"START RequestId: {request} Version: {self.function_version.id.qualifier}\n"
            f"{self.get_logs()}END RequestId: {request}\n"
            f"REPORT RequestId: {request}\tDuration: {milliseconds:.2f} ms\n"
        )

    def _read_log(self, output):
        for line in output:
            with self._log_lock:
                self._log.append(line.decode(errors="replace"))

    def get_logs(self):
        with self._log_lock:
            return "".join(self._log)

    # What LocalStack asks of an executor besides.

    def get_address(self):
        return "127.0.0.1"

    def get_endpoint_from_executor(self):
        return "127.0.0.1"

    def get_runtime_endpoint(self):
        return f"http://127.0.0.1:{config.GATEWAY_LISTEN[0].port}/_localstack_lambda/{self.id}"

    @classmethod
    def prepare_version(cls, function_version):
        if function_version.config.code:
            function_version.config.code.prepare_for_execution()

    @classmethod
    def cleanup_version(cls, function_version):
        pass
