"""Servers of others that speak OpenAI's form, on ports of their own of this machine: llama.cpp's, llama-cpp-python's, LiteLLM's proxy.

Which of them are there, and with which weights, is said by tools/endpoint-tools.sh. Each runs with nothing of the caller's environment, and
reaches no network.
"""

from __future__ import annotations

import json
import secrets
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

from splitplane_test.cluster import ROOT, die_with_parent

TOOLS = ROOT / ".tools/endpoints"
PYTHON = TOOLS / "venv/bin/python"
LLAMA_SERVER = TOOLS / "bin/llama-server"
# By the name that they have in the tables of the measurement.
WEIGHTS = {"SmolLM2-135M-Instruct Q4_1": TOOLS / "weights/smollm2.gguf", "gemma-3-270m Q4_K_M": TOOLS / "weights/gemma3.gguf"}
# Tokens of a prompt and its reply that one slot holds: the demo's plane takes some 5,000.
SLOT_TOKENS = 8_192
START_SECONDS = 180


def missing(*needed: Path) -> str:
    """Why what these files are of cannot run; empty when it can."""
    absent = [path for path in needed if not path.exists()]
    if not absent:
        return ""
    said = TOOLS / "not-had"
    reasons = said.read_text().strip().replace("\n", "; ") if said.exists() else "tools/endpoint-tools.sh was not run"
    return f"{', '.join(path.name for path in absent)} not there: {reasons}"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Program:
    """One server while the `with` block lasts."""

    # What answers 200 when it is ready.
    ready = "/health"

    def __init__(self, folder: Path):
        self.folder, self.port = folder, free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        # What its clients must show.
        self.key = f"sk-{secrets.token_hex(16)}"
        self._process: subprocess.Popen | None = None

    def command(self) -> list[str]:
        raise NotImplementedError

    @property
    def endpoint(self) -> str:
        """What splitplane.endpoint is set to."""
        return f"{self.url}/v1"

    @property
    def log(self) -> Path:
        return self.folder / f"{type(self).__name__}-{self.port}.log"

    def __enter__(self):
        environment = {
            "PATH": f"{TOOLS / 'venv/bin'}:/usr/bin:/bin",
            "HOME": str(self.folder),
            "LC_ALL": "C.UTF-8",
            # LiteLLM would fetch its list of prices otherwise.
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",
            "LITELLM_MODE": "PRODUCTION",
            # What would be asked for weights is not asked.
            "HF_HUB_OFFLINE": "1",
        }
        with open(self.log, "wb") as log:
            self._process = subprocess.Popen(
                self.command(),
                cwd=self.folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # It has nothing to put away.
                preexec_fn=lambda: die_with_parent(signal.SIGKILL),
            )
        try:
            self._wait()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_) -> None:
        self.stop()

    def stop(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        for step, patience in ((signal.SIGTERM, 10), (signal.SIGKILL, None)):
            process.send_signal(step)
            try:
                process.wait(patience)
                return
            except subprocess.TimeoutExpired:
                continue

    def _wait(self) -> None:
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end:
            if self._process.poll() is not None:
                break
            try:
                if self.get(self.ready)[0] == 200:
                    return
            except OSError:
                pass
            time.sleep(0.2)
        raise RuntimeError(f"{self.log.name} did not start:\n{self.log.read_text(errors='replace')[-3000:]}")

    def get(self, path: str) -> tuple[int, str]:
        request = urllib.request.Request(f"{self.url}{path}", headers={"authorization": f"Bearer {self.key}"})
        try:
            with urllib.request.urlopen(request, timeout=5) as response:
                return response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode(errors="replace")

    def post(self, body: dict, seconds: float = 120) -> tuple[int, dict]:
        """One chat completion: status and body."""
        request = urllib.request.Request(
            f"{self.endpoint}/chat/completions",
            json.dumps(body).encode(),
            {"content-type": "application/json", "authorization": f"Bearer {self.key}"},
        )
        try:
            with urllib.request.urlopen(request, timeout=seconds) as response:
                return response.status, json.loads(response.read())
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read())


class LlamaCpp(Program):
    """llama.cpp's own server. Two slots: a verdict and SQL are asked for at the same time, each with a prompt that begins as its last one."""

    def __init__(self, folder: Path, weights: Path, model: str = "small", slots: int = 2, more: tuple[str, ...] = ()):
        super().__init__(folder)
        self.weights, self.model, self.slots, self.more = weights, model, slots, more

    def command(self) -> list[str]:
        # Threads of one step wait for each other in a loop: with fewer cores to themselves than there are, they wait for most of the time.
        threads = "1"
        return [
            str(LLAMA_SERVER),
            *("--model", str(self.weights), "--alias", self.model, "--host", "127.0.0.1", "--port", str(self.port), "--api-key", self.key),
            *("--ctx-size", str(SLOT_TOKENS * self.slots), "--parallel", str(self.slots), "--threads", threads, "--threads-batch", threads),
            *("--metrics", "--jinja", "--no-webui", "--offline", *self.more),
        ]


class LlamaCppPython(Program):
    """llama-cpp-python's server, which answers one request after the other."""

    ready = "/v1/models"

    def __init__(self, folder: Path, weights: Path, model: str = "small", more: tuple[str, ...] = ()):
        super().__init__(folder)
        self.weights, self.model, self.more = weights, model, more

    def command(self) -> list[str]:
        return [
            *(str(PYTHON), "-m", "llama_cpp.server", "--model", str(self.weights), "--model_alias", self.model),
            *("--host", "127.0.0.1", "--port", str(self.port), "--api_key", self.key, "--n_ctx", str(SLOT_TOKENS), *self.more),
        ]


class LiteLlm(Program):
    """LiteLLM's proxy. `models`: by name, what its configuration says of it under litellm_params."""

    ready = "/health/liveliness"

    def __init__(self, folder: Path, models: dict[str, dict], settings: dict | None = None):
        super().__init__(folder)
        self.models, self.settings = models, settings or {}

    def command(self) -> list[str]:
        listed = [{"model_name": name, "litellm_params": params} for name, params in self.models.items()]
        configuration = {
            "model_list": listed,
            "litellm_settings": {"telemetry": False, "num_retries": 0, **self.settings},
            "general_settings": {"master_key": self.key},
        }
        # JSON is YAML.
        path = self.folder / f"litellm-{self.port}.yaml"
        path.write_text(json.dumps(configuration))
        return [str(TOOLS / "venv/bin/litellm"), "--config", str(path), "--host", "127.0.0.1", "--port", str(self.port), "--telemetry", "False"]

    @staticmethod
    def front(program: Program, model: str = "small") -> dict:
        """The litellm_params of a model that another server answers for."""
        return {"model": f"openai/{model}", "api_base": program.endpoint, "api_key": program.key}
