"""Runs functions of LocalStack's Lambda as processes of this machine.

LocalStack itself runs each function in a container. Where there is no
container engine or no image, this stands in for it, for functions that are a
program named bootstrap (provided.al2023 and the like).
"""

from localstack.services.lambda_.invocation.plugins import RuntimeExecutorPlugin


class ProcessExecutorPlugin(RuntimeExecutorPlugin):
    name = "process"

    def load(self, *args, **kwargs):
        from process_executor.executor import ProcessExecutor

        return ProcessExecutor
